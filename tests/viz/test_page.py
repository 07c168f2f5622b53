"""The page that plays a graph, driven in a real browser as its viewers drive it."""

import random
import re
import shutil

import pytest
from worked_graphs import fork, named, neuron, product

import tinygrad_cnn as tg
from tinygrad_cnn import nn, viz
from tinygrad_cnn.nn import functional as F

BROWSER = next(
    filter(None, map(shutil.which, ["chromium", "chromium-browser", "google-chrome"])), None
)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="pages need the browser Chromium")
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
DESKTOP = {"width": 1440, "height": 900}
BEAMER = {"width": 1024, "height": 768}
PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def browser():
    """A headless Chromium."""
    driver = pytest.importorskip("playwright.sync_api", reason="pages are driven by playwright")
    with driver.sync_playwright() as running:
        chromium = running.chromium.launch(executable_path=BROWSER, args=QUIET)
        yield chromium
        chromium.close()


@pytest.fixture
def visit(browser, tmp_path):
    """A function that opens the page of a graph; in the end nothing may have gone wrong."""
    contexts = []
    faults = []

    def asked(request):
        if not request.url.startswith(("file:", "data:", "about:")):
            faults.append(f"network: {request.url}")

    def open_page(graph, address="", size=DESKTOP, motion="reduce", theme="light", names=None):
        path = viz.step(graph, tmp_path / "trace.html", names=names)
        context = browser.new_context(
            viewport=size, reduced_motion=motion, color_scheme=theme, has_touch=size is PHONE
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("console", lambda message: faults.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: faults.append(f"error: {error}"))
        page.on("request", asked)
        page.goto(f"{path.as_uri()}{address}")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not faults


def perceptrons(width):
    """Two layers of `width` neurons: about 2.3 width² gates."""
    draw = random.Random(0)
    layer = [tg.Value(draw.uniform(-1, 1), f"x{i}") for i in range(2)]
    for _ in range(2):
        sums = [tg.Value(0.1, "b") for _ in range(width)]
        for j in range(width):
            for a in layer:
                sums[j] = sums[j] + a * tg.Value(draw.uniform(-1, 1), "w")
        layer = [tg.relu(s) for s in sums]
    return sum(layer[1:], layer[0])


def net():
    """A small network on one image, with its loss and the names of its parameters."""
    tg.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 1, 2), nn.Tanh(), nn.Flatten(), nn.Linear(4, 2))
    with viz.keep():
        image = tg.tensor([[[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]]])
        loss = F.cross_entropy(model(image), tg.tensor([1]))
    return loss, dict(model.named_parameters()) | {"loss": loss}


def shown(page, what):
    """The numbers on the cards: name -> text of the row `what`."""
    read = """what => Object.fromEntries([...document.querySelectorAll(".node")].map(node =>
        [node.dataset.name, node.querySelector(`.digits.${what}`)?.textContent]))"""
    return page.evaluate(read, what)


STATE = """() => {
    const picture = document.querySelector("#picture > svg").cloneNode(true);
    for (const e of picture.querySelectorAll("[class]"))
        e.setAttribute("class", [...e.classList].sort().join(" "));
    return [picture.outerHTML, document.querySelector("#panel").innerText, slider.value].join();
}"""


def state(page):
    """All that a viewer sees of a step."""
    return page.evaluate(STATE)


def at(page):
    return int(page.locator("#slider").input_value())


# --- playing --------------------------------------------------------------------------------------


def test_it_plays_to_the_gradients_everybody_knows(visit):
    page = visit(product(), motion="no-preference")
    page.clock.install()
    assert shown(page, "grad")["x"] == "·"
    page.locator("#play").click()
    page.clock.run_for(30_000)
    assert at(page) == 6
    assert shown(page, "value") == {"x": "−2", "y": "5", "z": "−4", "q": "3", "f": "−12"}
    assert shown(page, "grad") == {"x": "−4", "y": "−4", "z": "3", "q": "−4", "f": "1"}
    assert "Every gradient is known" in page.locator("#panel").inner_text()
    assert page.locator("#play").get_attribute("aria-label") == "Play (space)"


def test_numbers_ride_along_the_wires(visit):
    page = visit(product(), "#3", motion="no-preference")
    page.clock.install()
    page.clock.pause_at(page.evaluate("Date.now()") + 1000)
    page.keyboard.press("ArrowRight")
    seen = set()
    for _ in range(8):
        page.clock.run_for(250)
        seen.update(page.locator(".token text").all_text_contents())
    assert {"1", "1 × (−4)", "−4", "1 × 3", "3"} <= seen
    assert page.locator(".token").count() == 0


def test_pause(visit):
    page = visit(product(), motion="no-preference")
    page.clock.install()
    page.keyboard.press("Space")
    page.clock.run_for(400)
    assert at(page) == 1
    page.keyboard.press("Space")
    page.clock.run_for(20_000)
    assert at(page) == 1


@pytest.mark.parametrize("make", [product, fork], ids=lambda make: make.__name__)
def test_a_step_looks_the_same_however_it_is_reached(visit, make):
    page = visit(make())
    last = int(page.locator("#slider").get_attribute("max"))
    forward = [state(page)]
    for _ in range(last):
        page.locator("#next").click()
        forward.append(state(page))
    assert page.locator("#next").is_disabled()
    assert len(set(forward)) == last + 1
    page.locator("#picture").click(position={"x": 3, "y": 3})
    for i in range(last - 1, -1, -1):
        page.keyboard.press("ArrowLeft")
        assert state(page) == forward[i]
    for i in random.Random(0).sample(range(last + 1), 4):
        page.locator("#slider").fill(str(i))
        assert state(page) == forward[i]
        assert page.evaluate("location.hash") == f"#{i}"
    page.keyboard.press("End")
    page.locator("#first").click()
    assert state(page) == forward[0]
    page.locator("#last").click()
    assert state(page) == forward[last]


def test_a_step_says_its_rule_with_its_numbers(visit):
    page = visit(fork(), "#7")
    words = " ".join(page.locator("#panel").inner_text().split())
    assert "Backward gate 3 of 3" in words
    assert "Mul switches" in words
    assert "y = −3" in words
    assert "x.grad = 1 + (−3) = −2" in words
    assert page.locator(".node[data-name=x] text.sums").text_content() == "1 − 3 = −2"
    assert page.locator(".node.active").get_attribute("data-name") == "p"
    page.keyboard.press("ArrowLeft")
    assert "Max routes" in page.locator("h2").inner_text()
    assert page.locator(".wire.zero").count() == 1  # what gets nothing
    page.keyboard.press("Home")
    page.locator(".node[data-name=m]").click()  # a click on a gate goes to its step
    assert page.locator("h2").inner_text() == "Max picks"


def test_several_traces_and_keys(visit):
    page = visit({"product": product(), "fork": fork()})
    assert page.locator("#switch button").all_text_contents() == ["product", "fork"]
    page.keyboard.press("2")
    assert page.evaluate("location.hash") == "#fork/0"
    page.evaluate("location.hash = '#product/4'")
    page.wait_for_function("document.querySelector('h2').textContent === 'Mul switches'")
    page.keyboard.press("t")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    page.keyboard.press("s")
    assert page.locator("#speed").inner_text() == "2×"


def test_every_control_has_a_name_and_can_be_reached(visit):
    page = visit(product())
    names = []
    for _ in range(14):
        page.keyboard.press("Tab")
        names.append(page.evaluate("document.activeElement.id"))
    for wanted in ("quiz", "theme", "picture", "play", "next", "last", "speed", "slider"):
        assert wanted in names
    nameless = page.evaluate(
        """[...document.querySelectorAll("button")].filter(b =>
            b.offsetParent && !b.textContent.trim() && !b.ariaLabel).length"""
    )
    assert nameless == 0
    page.keyboard.press("ArrowRight")
    assert "Step 1 of 6" in page.locator("#live").text_content()


# --- the quiz -------------------------------------------------------------------------------------


def test_the_quiz_asks_and_checks(visit):
    page = visit(product(), "#4/quiz")
    assert page.locator("#play").is_disabled()
    assert shown(page, "grad")["q"] == "?"
    panel = page.locator("#panel")
    assert "−4" not in panel.inner_text()
    assert "Mul switches" not in panel.inner_text()
    first, second = page.locator("input.answer").all()
    first.fill("3")
    second.fill("-4")
    page.keyboard.press("Enter")
    assert "✗ Not that. Each input gets the upstream" in panel.inner_text()
    assert first.get_attribute("aria-invalid") == "true"
    first.fill("−4")
    second.fill("6/2")
    page.keyboard.press("Enter")
    assert "✓ Right." in panel.inner_text()
    assert shown(page, "grad")["q"] == "−4"
    page.keyboard.press("Enter")
    assert at(page) == 5
    page.locator("#hint").click()
    assert "Every input gets the upstream gradient, unchanged." in panel.inner_text()
    page.locator("#reveal").click()
    assert "Shown." in panel.inner_text()
    page.keyboard.press("Enter")
    assert "0 of 2 right at the first try" in panel.inner_text()


def test_the_quiz_asks_for_sums_at_forks_and_for_values(visit):
    page = visit(fork(), "#7/quiz")
    assert page.locator("input.answer").count() == 3
    page.evaluate("location.hash = '#1/quiz'")
    page.wait_for_function("document.querySelectorAll('input.answer').length === 1")
    page.keyboard.type("-6")
    page.keyboard.press("Enter")
    assert "✓ Right." in page.locator("#panel").inner_text()
    assert page.evaluate("location.hash") == "#1/quiz"
    page.keyboard.press("q")
    assert page.locator("#quiz").get_attribute("aria-pressed") == "false"


def matrices():
    """relu(x @ w) · x, summed: a fork, and a gradient that relu stops."""
    with viz.keep():
        x = tg.tensor([[1.0, 2.0], [-3.0, 0.5]], requires_grad=True)
        w = tg.tensor([[0.5, -1.0], [2.0, 1.0]], requires_grad=True)
        y = (tg.relu(x @ w) * x).sum()
    return y, {"x": x, "w": w}


def fill(page, numbers):
    fields = page.locator("input.answer")
    assert fields.count() == len(numbers)
    for field, number in zip(fields.all(), numbers, strict=True):
        field.fill(f"{number:.3g}")
    page.keyboard.press("Enter")


def test_the_quiz_asks_for_every_number_of_small_tensors(visit):
    y, names = matrices()
    page = visit(y, "#1/quiz", names=names)
    assert shown(page, "value")["v1"] == "?"
    product_ = (names["x"] @ names["w"]).detach().numpy().ravel()
    fill(page, [*product_[:3], product_[3] + 1])
    wrong = page.locator("input.answer.wrong")
    assert wrong.count() == 1
    label = "element [1, 1] of the value of v1"
    assert wrong.get_attribute("aria-label") == label
    wrong.fill(str(product_[3]))
    page.keyboard.press("Enter")
    assert "✓ Right." in page.locator("#panel").inner_text()
    assert page.locator(".node[data-name=v1] .heat.value .cell").count() == 4


@pytest.mark.parametrize("size", [DESKTOP, BEAMER, PHONE], ids=["desktop", "beamer", "phone"])
def test_the_quiz_of_a_tensor_graph_can_be_answered_to_the_end(visit, size):
    """All answers come from the engine; the fields and the buttons can be reached."""
    y, names = matrices()
    page = visit(y, "#0/quiz", names=names, size=size)
    truth = "() => player.trace.questions(player.at).flatMap(q => q.fields.map(f => f.answer))"
    asked = 0
    for _ in range(int(page.locator("#slider").get_attribute("max"))):
        page.locator("#next").click()
        answers = page.evaluate(truth)
        if not answers:
            continue
        asked += 1
        for field in (page.locator("input.answer").first, page.locator("input.answer").last):
            field.scroll_into_view_if_needed()
            box, check = field.bounding_box(), page.locator("#check").bounding_box()
            assert box["width"] >= 40
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= size["width"]
            assert check["y"] + check["height"] <= size["height"]
        fill(page, answers)
        assert "✓ Right." in page.locator("#panel").inner_text()
    assert asked == 8
    assert "8 of 8 right at the first try" in page.locator("#panel").inner_text()


def test_the_quiz_asks_for_one_number_of_larger_tensors_and_none_of_statistics(visit):
    with viz.keep():
        x = (tg.arange(16.0).reshape(4, 4) / 16).requires_grad_()
        big = tg.ones(20, 20, requires_grad=True)
        y = x.tanh().sum() + (big * tg.arange(400).reshape(20, 20)).tanh().sum()
    page = visit(y, "#0/quiz", names={"x": x, "big": big})
    labels, texts = [], []
    for _ in range(int(page.locator("#slider").get_attribute("max"))):
        page.keyboard.press("ArrowRight")
        for field in page.locator("input.answer").all():
            labels.append(field.get_attribute("aria-label"))
        texts.append(page.locator("#panel .sums").inner_text())
        page.locator("#picture").click(position={"x": 3, "y": 3})  # the keys leave the field
    assert "element [3, 3] of the value of v1" in labels
    assert any("element [3, 3]" in text for text in texts)
    assert any(label.startswith("every element of the gradient sent to") for label in labels)
    assert "element [0, 0] of the gradient sent to x" in labels
    assert not [label for label in labels if "big" in label]


# --- what else there is to see --------------------------------------------------------------------


def test_numbers_that_are_not_finite(visit):
    x = tg.Value(0.0, "x")
    page = visit(named(tg.log(x), "l") * 0.0, "#99")
    assert shown(page, "value")["l"] == "−∞"
    assert shown(page, "grad")["x"] == "nan"
    page.evaluate("location.hash = '#1/quiz'")
    page.wait_for_selector("input.answer")
    page.keyboard.type("-inf")
    page.keyboard.press("Enter")
    assert "✓ Right." in page.locator("#panel").inner_text()


def test_tensors_are_maps_whose_numbers_can_be_pointed_at(visit):
    loss, names = net()
    page = visit(loss, "#99", names=names)
    card = page.locator('.node[data-name="0.weight"]')
    assert card.locator(".heat.value .cell").count() == 4
    assert card.locator(".heat.grad .cell").count() == 4
    card.locator(".heat.value .cell").nth(1).hover()
    number = names["0.weight"].detach().numpy()[0, 0, 0, 1]
    text = page.locator("#tip").inner_text()
    assert text.startswith("[0, 0, 0, 1] = ")
    assert float(text.split("= ")[1].replace("−", "-")) == pytest.approx(number, rel=5e-3)
    for _ in range(int(page.locator("#slider").get_attribute("max"))):
        page.keyboard.press("ArrowLeft")  # no step fails
        page.keyboard.press("q")


def test_large_tensors_are_statistics(visit):
    with viz.keep():
        x = tg.randn(20, 20, requires_grad=True)
        y = (x * x).sum()
    page = visit(y, "#99", names={"x": x})
    assert page.locator(".node[data-name=x] .statistics.grad .word").all_text_contents() == [
        "min",
        "mean",
        "max",
    ]


def test_a_thousand_gates_open_fast_and_in_parts(visit):
    page = visit(perceptrons(21))
    took = page.evaluate("performance.getEntriesByType('navigation')[0].domComplete")
    assert took < 2000
    gates = re.search(r"of (\d+)", step_text(page, "#1"))[1]
    assert int(gates) > 900
    assert page.locator("#part").inner_text().startswith("part 1 of ")
    last = int(page.locator("#slider").get_attribute("max"))
    for i in (last // 3, last // 2 + 5, last):
        page.locator("#slider").fill(str(i))
        assert page.locator(".node").count() < 120
        if i < last:
            box = page.locator(".node.active").bounding_box()
            pane = page.locator("#picture").bounding_box()
            assert pane["x"] <= box["x"] <= pane["x"] + pane["width"] - box["width"]
            assert pane["y"] <= box["y"] <= pane["y"] + pane["height"] - box["height"]


def step_text(page, address):
    page.evaluate("address => { location.hash = address; }", address)
    page.wait_for_function("location.hash.slice(1) === document.querySelector('#slider').value")
    return page.locator("#panel").inner_text()


READABLE = """() => Array.from({ length: Number(slider.max) + 1 }, (_, i) => {
    slider.value = i;
    slider.dispatchEvent(new Event("input"));
    const all = "#picture text, h1, h2, p, button, li, td, th, kbd";
    const texts = [...document.querySelectorAll(all)]
        .filter((e) => e.textContent.trim() && e.getClientRects().length);
    const size = (e) => parseFloat(getComputedStyle(e).fontSize)
        * (e.ownerSVGElement ? e.getScreenCTM().a : 1);
    const active = document.querySelector(".node.active .box");
    const [box, pane] = [active || picture, picture].map((e) => e.getBoundingClientRect());
    return {
        i,
        smallest: Math.min(...texts.map(size)),
        sideways: document.documentElement.scrollWidth - innerWidth,
        hidden: Math.max(pane.left - box.left, box.right - pane.right,
                         pane.top - box.top, box.bottom - pane.bottom),
    };
})"""


@pytest.mark.parametrize("size", [DESKTOP, BEAMER, PHONE], ids=["desktop", "beamer", "phone"])
@pytest.mark.parametrize("make", [fork, neuron], ids=lambda make: make.__name__)
def test_it_can_be_read(visit, make, size):
    """Nothing sticks out sideways, no text is under 13 pixels, the active gate is in view."""
    page = visit(make(), size=size)
    for step in page.evaluate(READABLE):
        assert step["smallest"] >= 12.8, step
        assert step["sideways"] <= 0, step
        assert step["hidden"] <= 8, step


def test_paper(visit):
    page = visit(fork(), "#2", theme="dark")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    assert page.locator("#paper tbody tr").count() == 7  # three gates, forward and back, a seed
    assert "p = 2 · (−3) = −6" in page.locator("#paper").inner_text()
    assert shown(page, "grad")["x"] == "−2"
    assert not page.locator("footer").is_visible()
    page.emulate_media(media="screen")
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert shown(page, "grad")["x"] == "·"
