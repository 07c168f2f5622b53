"""The demo that reads a convolution out of the graph; it asserts its own expressions."""


def test_the_letters(run, tmp_path):
    out = run("symbolic_convolution")
    assert out.startswith("aw+bx+ey+fz  bw+cx+fy+gz  cw+dx+gy+hz\new+fx+iy+jz  ")
    assert "d(gw+hx+ky+lz)/dk = y = 3" in out
    (picture,) = tmp_path.iterdir()
    assert picture.stem == "pixel"
