"""The demo of the course's network; it asserts its own numbers."""


def test_errata_are_named(run, tmp_path):
    out = run("three_two_two")
    wrong = [line.split("  ")[0].strip() for line in out.splitlines() if "  ✘ " in line]
    assert wrong == ["o H1", "δ H1", "H1→O1", "I2→H1"]
    assert "1.1046771  ✘ Δ is η δ o = 0.00469" in out
    assert out.count("\n✘ ") == 3
    assert "E before the step 0.4892196, after it 0.4888361" in out
    assert b"tg.viz.step/" in (tmp_path / "network.html").read_bytes()
