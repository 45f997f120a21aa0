"""Artists that draw nothing, and keep what they were given."""


def watched(monkeypatch, module, name):
    """The calls of a module's function that draws a chart."""
    calls = []

    def chart(*said):
        calls.append(said)
        return b"<svg/>"

    monkeypatch.setattr(module, name, chart)
    return calls
