"""yaml_lite -- as much YAML as a tariff needs: maps, lists, flow, texts, remarks."""
import re


def _scalar(text):
    text = text.strip()
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text


def _flow(text, at=0):
    """One value of flow style from `at` on: the value, and where it ends."""
    while text[at] in " ,":
        at += 1
    if text[at] == "[":
        out, at = [], at + 1
        while text[at] not in "]":
            value, at = _flow(text, at)
            out.append(value)
            at += len(re.match(r"[ ,]*", text[at:])[0])
        return out, at + 1
    if text[at] == "{":
        out, at = {}, at + 1
        while text[at] != "}":
            name = re.match(r"[ ,]*\"?([^\":]+)\"?: *", text[at:])
            out[name[1]], at = _flow(text, at + name.end())
            at += len(re.match(r"[ ,]*", text[at:])[0])
        return out, at + 1
    word = re.match(r"\"[^\"]*\"|'[^']*'|[^,\]}]*", text[at:])
    return _scalar(word[0]), at + word.end()


def _value(text):
    return _flow(text)[0] if text[0] in "[{" else _scalar(text)


def _block(lines, indent):
    """Lines of (indent, text) that stand at least that deep; what is used is taken away."""
    out = [] if lines[0][1].startswith("- ") else {}
    while lines and lines[0][0] == indent:
        depth, text = lines.pop(0)
        if isinstance(out, list):
            inner = text[2:].lstrip()
            name = re.match(r"([A-Za-z_0-9.-]+):( |$)", inner)
            if inner[0] in "[{" or not name:
                out.append(_value(inner))
                continue
            lines.insert(0, (depth + len(text) - len(inner), inner))
            out.append(_block(lines, lines[0][0]))
            continue
        name, rest = re.match(r"\"?([^\"]+?)\"?:(?: +(.*))?$", text).groups()
        if rest:
            out[name] = _value(rest)
        elif lines and (lines[0][0] > depth or (lines[0][0] == depth and lines[0][1].startswith("- "))):
            out[name] = _block(lines, lines[0][0])
    return out


def load(text):
    lines = []
    for line in text.splitlines():
        line = re.sub(r"(^|\s)#.*", "", line).rstrip()
        if line:
            lines.append((len(line) - len(line.lstrip()), line.lstrip()))
    return _block(lines, lines[0][0])
