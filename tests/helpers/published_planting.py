"""Words, sound and responses with a planted answer: targets that follow the words at a stated delay, and others.

Nothing here uses Concord: a target's response at t is the sum, over words, of a bump around the word's end (fMRI) or
onset (electrodes), `delay` seconds later, on the clock that the data set's own notes state.
"""

import json

import nibabel as nib
import numpy as np
import soundfile

RATE_HZ = 1000  # of sounds: nothing here listens to them
SHAPE = (3, 2, 2)
AFFINE = np.diag([3.0, 3.0, 3.0, 1.0])
PLANTED, DECOY = (0, 1, 1), (2, 0, 0)  # voxels: at the analysis's delay, and at another
LEXICON = ("a", "of", "tree", "house", "prince", "elephant", "astronomer", "extraordinary")


def words_of(name, seconds):
    """(onsets, ends, texts) of a story, seeded by its name: bursts and pauses, the last word well before the end."""
    rng = np.random.default_rng(list(name.encode()))
    gaps = rng.choice([0.35, 0.5, 0.8, 4.0], size=round(2 * seconds) + 9, p=[0.4, 0.3, 0.2, 0.1])
    onsets = np.round(0.5 + np.cumsum(gaps), 3)
    onsets = onsets[onsets < seconds - 3]
    texts = [LEXICON[number] for number in rng.integers(len(LEXICON), size=len(onsets))]
    return onsets, np.round(onsets + 0.3, 3), texts


def write_sound(path, seconds, onsets):
    """Noise where words are."""
    audio = np.zeros(round(seconds * RATE_HZ), dtype=np.float32)
    noise = np.random.default_rng(0).normal(size=len(audio)).astype(np.float32) * 0.05
    for onset in onsets:
        part = slice(round(onset * RATE_HZ), round((onset + 0.3) * RATE_HZ))
        audio[part] = noise[part]
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, audio, RATE_HZ, format="WAV")


def bumps(times_s, centres_s, width_s, heights=None):
    """(n_times,) Gaussians of a width around centres, standardised; times ascend."""
    heights = np.ones(len(centres_s)) if heights is None else heights
    total = np.zeros(len(times_s))
    for centre, height in zip(centres_s, heights, strict=True):
        near = slice(*np.searchsorted(times_s, (centre - 6 * width_s, centre + 6 * width_s)))
        total[near] += height * np.exp(-0.5 * ((times_s[near] - centre) / width_s) ** 2)
    return (total - total.mean()) / total.std()


def voxels(times_s, ends_s, seed, delay_s=4.0, decoy_s=12.0):
    """(n_voxels, n_times) in C order: noise, but for the planted voxel and the decoy, `decoy_s` late."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(np.prod(SHAPE), len(times_s)))
    for place, delay in ((PLANTED, delay_s), (DECOY, decoy_s)):
        values[np.ravel_multi_index(place, SHAPE)] = 2 * bumps(times_s, ends_s + delay, 1.0) + 0.5 * rng.normal(
            size=len(times_s)
        )
    return 100 + 5 * values


def write_volumes(path, values, tr_s, unit="sec"):
    """A NIfTI of `voxels`; the header has the interval."""
    image = nib.Nifti1Image(values.reshape(*SHAPE, -1).astype(np.float32), AFFINE)
    image.header.set_xyzt_units("mm", unit)
    image.header.set_zooms((3, 3, 3, tr_s))
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(image, path)


def write_csv(path, columns):
    """A table of columns, commas between cells."""
    rows = [",".join(columns), *(",".join(map(str, row)) for row in zip(*columns.values(), strict=True))]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")


def write_textgrid(path, tiers, seconds):
    """Interval tiers {name: (onsets, ends, texts)} in Praat's long format, pauses filled."""
    lines = ['File type = "ooTextFile"', 'Object class = "TextGrid"', "", "xmin = 0", f"xmax = {seconds}"]
    lines += ["tiers? <exists>", f"size = {len(tiers)}", "item []:"]
    for number, (name, (onsets, ends, texts)) in enumerate(tiers.items(), start=1):
        rows, at = [], 0.0
        for onset, end, text in zip(onsets, ends, texts, strict=True):
            rows += [(at, onset, "sp")] if onset > at else []
            rows.append((onset, end, text))
            at = end
        rows.append((at, seconds, "sp"))
        lines += [f"item [{number}]:", 'class = "IntervalTier"', f'name = "{name}"', "xmin = 0", f"xmax = {seconds}"]
        lines += [f"intervals: size = {len(rows)}"]
        for count, (first, last, text) in enumerate(rows, start=1):
            lines += [f"intervals [{count}]:", f"xmin = {first}", f"xmax = {last}", f'text = "{text}"']
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def envelopes(times_s, onsets_s, texts, seed, delay_s=0.3):
    """(3, n_times) amplitudes of high gamma: of an electrode that follows words' lengths, and of two that do not."""
    rng = np.random.default_rng(seed)
    lengths = np.array([len(text) for text in texts], dtype=float)
    planted = bumps(times_s, onsets_s + delay_s, 0.08, lengths - lengths.mean())
    others = [bumps(times_s, onsets_s + delay_s, 0.08, rng.permutation(lengths) - lengths.mean()) for _ in range(2)]
    return np.stack([planted, *others])


IEEG_ANALYSIS = """\
name: published
features: {length: {kind: word_length}}
design: {ieeg: {mode: words, lags_s: [-0.2, 0.8, 0.1], window_s: 0.1, summary_s: [0.2, 0.4]}}
fit: {candidates: 4, alphas: [0.01, 10000, 7], outer: 4}
baseline: {spaces: [], autocorrelation: false}
inference: {permutations: 40}
"""
FMRI_ANALYSIS = """\
name: published
features: {rate: {kind: word_rate}}
response: {fmri: {confounds: none, high_pass_s: 128}}
design: {fmri: {delays_s: [4], skip_onset_s: 0}}
fit: {candidates: 4, alphas: [0.01, 10000, 7]}
baseline: {spaces: [], autocorrelation: false}
inference: {permutations: 40}
"""


def write_json(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")
