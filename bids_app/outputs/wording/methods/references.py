"""What methods texts cite: each work once, as a sentence names it, as a list shows it, and as BibTeX."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

IN_A_JOURNAL = re.compile(r"(?P<journal>.+?) (?P<volume>\d+)(?:\((?P<number>[^)]+)\))?(?:, (?P<pages>\S+))?")


@dataclass(frozen=True)
class Reference:
    """A published work.

    Parameters
    ----------
    key : in BibTeX.
    short : as a sentence names it in brackets: `Shapley, 1953`.
    authors : `Family, Given and Family, Given`, as BibTeX has them; `and others` after those that are listed.
    title, year : of the work.
    place : journal, proceedings or publisher, with volume and pages.
    doi : empty where there is none.
    is_article : whether it is one of a journal.
    """

    key: str
    short: str
    authors: str
    title: str
    year: int
    place: str
    doi: str = ""
    is_article: bool = True

    @property
    def listed(self) -> str:
        """A line of a list of references."""
        doi = f" doi:{self.doi}" if self.doi else ""
        names = self.authors.replace(" and others", " et al.").replace(" and ", "; ")
        return f"{names} ({self.year}). {self.title}. {self.place}.{doi}"

    @property
    def bibtex(self) -> str:
        """Its entry."""
        kind, name = ("article", "journal") if self.is_article else ("incollection", "booktitle")
        printed = IN_A_JOURNAL.fullmatch(self.place) if self.is_article else None
        place = {key: value for key, value in printed.groupdict().items() if value} if printed else {name: self.place}
        fields = {"author": self.authors, "title": f"{{{self.title}}}", "year": str(self.year), **place}
        fields |= {"doi": self.doi} if self.doi else {}
        return (
            f"@{kind}{{{self.key},\n" + "".join(f"  {key} = {{{value}}},\n" for key, value in fields.items()) + "}\n"
        )

    @property
    def narrative(self) -> str:
        """As a sentence names it as its subject: `Shapley (1953)`."""
        names, year = self.short.rsplit(", ", 1)
        return f"{names} ({year})"


_WORKS = (
    Reference("behzadi2007", "Behzadi et al., 2007",
              "Behzadi, Yashar and Restom, Khaled and Liau, Joy and Liu, Thomas T.",
              "A component based noise correction method (CompCor) for BOLD and perfusion based fMRI", 2007,
              "NeuroImage 37(1), 90–101", "10.1016/j.neuroimage.2007.04.042"),
    Reference("benjamini1995", "Benjamini and Hochberg, 1995", "Benjamini, Yoav and Hochberg, Yosef",
              "Controlling the false discovery rate: a practical and powerful approach to multiple testing", 1995,
              "Journal of the Royal Statistical Society B 57(1), 289–300", "10.1111/j.2517-6161.1995.tb02031.x"),
    Reference("chen2024", "Chen et al., 2024",
              "Chen, Peili and He, Linyang and Fu, Li and Fan, Lu and Chang, Edward F. and Li, Yuanning",
              "Do self-supervised speech and language models extract similar representations as human brain?", 2024,
              "ICASSP 2024 (IEEE); arXiv 2310.04645", is_article=False),
    Reference("deheer2017", "de Heer et al., 2017",
              "de Heer, Wendy A. and Huth, Alexander G. and Griffiths, Thomas L. and Gallant, Jack L. and "
              "Theunissen, Frédéric E.", "The hierarchical cortical organization of human speech processing", 2017,
              "Journal of Neuroscience 37(27), 6539–6557", "10.1523/JNEUROSCI.3267-16.2017"),
    Reference("dupre2022", "Dupré la Tour et al., 2022",
              "Dupré la Tour, Tom and Eickenberg, Michael and Nunez-Elizalde, Anwar O. and Gallant, Jack L.",
              "Feature-space selection with banded ridge regression", 2022, "NeuroImage 264, 119728",
              "10.1016/j.neuroimage.2022.119728"),
    Reference("freedman1983", "Freedman and Lane, 1983", "Freedman, David and Lane, David",
              "A nonstochastic interpretation of reported significance levels", 1983,
              "Journal of Business and Economic Statistics 1(4), 292–298", "10.1080/07350015.1983.10509354"),
    Reference("friston1996", "Friston et al., 1996",
              "Friston, Karl J. and Williams, Steven and Howard, Robert and Frackowiak, Richard S. J. and "
              "Turner, Robert",
              "Movement-related effects in fMRI time-series", 1996, "Magnetic Resonance in Medicine 35(3), 346–355",
              "10.1002/mrm.1910350312"),
    Reference("gorgolewski2016", "Gorgolewski et al., 2016", "Gorgolewski, Krzysztof J. and others",
              "The brain imaging data structure, a format for organizing and describing outputs of neuroimaging "
              "experiments", 2016, "Scientific Data 3, 160044", "10.1038/sdata.2016.44"),
    Reference("gramfort2013", "Gramfort et al., 2013", "Gramfort, Alexandre and others",
              "MEG and EEG data analysis with MNE-Python", 2013, "Frontiers in Neuroscience 7, 267",
              "10.3389/fnins.2013.00267"),
    Reference("harris2020", "Harris et al., 2020", "Harris, Charles R. and others", "Array programming with NumPy",
              2020,
              "Nature 585, 357–362", "10.1038/s41586-020-2649-2"),
    Reference("hotelling1936", "Hotelling, 1936", "Hotelling, Harold", "Relations between two sets of variates", 1936,
              "Biometrika 28(3/4), 321–377", "10.1093/biomet/28.3-4.321"),
    Reference("huth2016", "Huth et al., 2016",
              "Huth, Alexander G. and de Heer, Wendy A. and Griffiths, Thomas L. and Theunissen, Frédéric E. and "
              "Gallant, Jack L.", "Natural speech reveals the semantic maps that tile human cerebral cortex", 2016,
              "Nature 532, 453–458", "10.1038/nature17637"),
    Reference("ince2021", "Ince et al., 2021",
              "Ince, Robin A. A. and Paton, Angus T. and Kay, Jim W. and Schyns, Philippe G.",
              "Bayesian inference of population prevalence", 2021, "eLife 10, e62461", "10.7554/eLife.62461"),
    Reference("nichols2002", "Nichols and Holmes, 2002", "Nichols, Thomas E. and Holmes, Andrew P.",
              "Nonparametric permutation tests for functional neuroimaging: a primer with examples", 2002,
              "Human Brain Mapping 15(1), 1–25", "10.1002/hbm.1058"),
    Reference("nunez2019", "Nunez-Elizalde et al., 2019",
              "Nunez-Elizalde, Anwar O. and Huth, Alexander G. and Gallant, Jack L.",
              "Voxelwise encoding models with non-spherical multivariate normal priors", 2019,
              "NeuroImage 197, 482–492", "10.1016/j.neuroimage.2019.04.012"),
    Reference("paszke2019", "Paszke et al., 2019", "Paszke, Adam and others",
              "PyTorch: an imperative style, high-performance deep learning library", 2019,
              "Advances in Neural Information Processing Systems 32", is_article=False),
    Reference("phipson2010", "Phipson and Smyth, 2010", "Phipson, Belinda and Smyth, Gordon K.",
              "Permutation p-values should never be zero: calculating exact p-values when permutations are randomly "
              "drawn", 2010, "Statistical Applications in Genetics and Molecular Biology 9(1), 39",
              "10.2202/1544-6115.1585"),
    Reference("power2012", "Power et al., 2012",
              "Power, Jonathan D. and Barnes, Kelly A. and Snyder, Abraham Z. and Schlaggar, Bradley L. and "
              "Petersen, Steven E.", "Spurious but systematic correlations in functional connectivity MRI "
              "networks arise from "
              "subject motion", 2012, "NeuroImage 59(3), 2142–2154", "10.1016/j.neuroimage.2011.10.018"),
    Reference("pratt1987", "Pratt, 1987", "Pratt, John W.",
              "Dividing the indivisible: using simple symmetry to partition variance explained", 1987,
              "Proceedings of the Second International Tampere Conference in Statistics, 245–260", is_article=False),
    Reference("shapley1953", "Shapley, 1953", "Shapley, Lloyd S.", "A value for n-person games", 1953,
              "Contributions to the Theory of Games II, Princeton University Press, 307–317",
              "10.1515/9781400881970-018", is_article=False),
    Reference("smith2009", "Smith and Nichols, 2009", "Smith, Stephen M. and Nichols, Thomas E.",
              "Threshold-free cluster enhancement: addressing problems of smoothing, threshold dependence and "
              "localisation in cluster inference", 2009, "NeuroImage 44(1), 83–98",
              "10.1016/j.neuroimage.2008.03.061"),
    Reference("virtanen2020", "Virtanen et al., 2020", "Virtanen, Pauli and others",
              "SciPy 1.0: fundamental algorithms for scientific computing in Python", 2020,
              "Nature Methods 17, 261–272", "10.1038/s41592-019-0686-2"),
    Reference("wolf2020", "Wolf et al., 2020", "Wolf, Thomas and others",
              "Transformers: state-of-the-art natural language processing", 2020,
              "Proceedings of EMNLP 2020: System Demonstrations, 38–45", "10.18653/v1/2020.emnlp-demos.6",
              is_article=False),
    Reference("yarkoni2019", "Yarkoni et al., 2019", "Yarkoni, Tal and others",
              "PyBIDS: Python tools for BIDS datasets",
              2019, "Journal of Open Source Software 4(40), 1294", "10.21105/joss.01294"),
    Reference("abraham2014", "Abraham et al., 2014", "Abraham, Alexandre and others",
              "Machine learning for neuroimaging with scikit-learn", 2014, "Frontiers in Neuroinformatics 8, 14",
              "10.3389/fninf.2014.00014"),
)  # fmt: skip
REFERENCES: Mapping[str, Reference] = MappingProxyType(
    {work.key: work for work in sorted(_WORKS, key=lambda w: w.key)}
)
SOFTWARE: Mapping[str, str] = MappingProxyType(
    {
        "torch": "paszke2019",
        "transformers": "wolf2020",
        "numpy": "harris2020",
        "scipy": "virtanen2020",
        "nilearn": "abraham2014",
        "mne": "gramfort2013",
        "pybids": "yarkoni2019",
    }
)  # the name of a library → the work that its authors ask to cite


def cited(*keys: str) -> str:
    """Works as a sentence names them in brackets: `Pratt, 1987; Shapley, 1953`."""
    return "; ".join(REFERENCES[key].short for key in keys)


def references_of(texts: Iterable[str]) -> tuple[Reference, ...]:
    """Every work that texts name, in alphabetical order of the keys."""
    said = "\n".join(texts)
    return tuple(work for work in REFERENCES.values() if work.short in said or work.narrative in said)


def as_bibtex() -> str:
    """All works: who cites some of them needs no other file."""
    return "\n".join(work.bibtex for work in REFERENCES.values())
