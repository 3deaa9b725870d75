"""Standard terms (SNOMED CT) for labels that have a name only: a small table of structures that models are made for.

A name is read word by word: sides become modifiers, words of disease become the type with the organ as its region
(``liver_tumor``: a neoplasm in the liver). A name that is not understood as a whole gets the generic term "Tissue"
rather than a guess.
"""

from __future__ import annotations

import re

from ...labels import CodedTerm, Terminology

_ANATOMY = CodedTerm("SCT", "123037004", "Anatomical Structure")
_ALTERED = CodedTerm("SCT", "49755003", "Morphologically Altered Structure")
_TISSUE = CodedTerm("SCT", "85756007", "Tissue")
_SIDES = {"left": CodedTerm("SCT", "7771000", "Left"), "right": CodedTerm("SCT", "24028007", "Right")}

# Code, meaning, and further names beside the meaning itself.
_STRUCTURES = (
    ("23451007", "Adrenal gland", "adrenal"),
    ("15825003", "Aorta", ""),
    ("12691009", "Brachiocephalic artery", "brachiocephalic trunk"),
    ("8887007", "Brachiocephalic vein", ""),
    ("12738006", "Brain", ""),
    ("15926001", "Brainstem", "brain stem"),
    ("955009", "Bronchus", ""),
    ("59820001", "Blood vessel", "vessel, vessels, blood vessels"),
    ("11000004", "Caudate nucleus", "caudate"),
    ("113305005", "Cerebellum", ""),
    ("51299004", "Clavicle", "clavicula"),
    ("71854001", "Colon", ""),
    ("32062004", "Common carotid artery", ""),
    ("73634005", "Common iliac artery", "iliac artery"),
    ("46027005", "Common iliac vein", "iliac vein, iliac vena"),
    ("38848004", "Duodenum", ""),
    ("32849002", "Esophagus", "oesophagus"),
    ("81745001", "Eye", "eyeball"),
    ("71341001", "Femur", ""),
    ("87342007", "Fibula", ""),
    ("28231008", "Gallbladder", "gall bladder"),
    ("80891009", "Heart", ""),
    ("29836001", "Hip", ""),
    ("5366008", "Hippocampus", ""),
    ("85050009", "Humerus", ""),
    ("68455001", "Iliopsoas muscle", "iliopsoas"),
    ("64131007", "Inferior vena cava", "ivc, postcava"),
    ("64033007", "Kidney", "kidneys"),
    ("66720007", "Lateral ventricle", ""),
    ("82471001", "Left atrium", "heart atrium left, left atrium of heart"),
    ("87878005", "Left ventricle of heart", "left ventricle, heart ventricle left, lv"),
    ("10200004", "Liver", ""),
    ("90572001", "Lower lobe of lung", "lung lower lobe"),
    ("39607008", "Lung", "lungs"),
    ("91609006", "Mandible", ""),
    ("72481006", "Middle lobe of right lung", "lung middle lobe right"),
    ("74281007", "Myocardium", "heart myocardium, myo"),
    ("15776009", "Pancreas", ""),
    ("45289007", "Parotid gland", "parotid"),
    ("64234005", "Patella", ""),
    ("279706003", "Peripheral zone of the prostate", "peripheral zone, pz, prostate peripheral zone"),
    ("110765007", "Portal vein and splenic vein", ""),
    ("41216001", "Prostate", ""),
    ("81040000", "Pulmonary artery", ""),
    ("122972007", "Pulmonary vein", "pulmonary veins"),
    ("89278009", "Putamen", ""),
    ("62413002", "Radius", ""),
    ("34402009", "Rectum", ""),
    ("73829009", "Right atrium", "heart atrium right, right atrium of heart"),
    ("53085002", "Right ventricle of heart", "right ventricle, heart ventricle right, rv"),
    ("54735007", "Sacrum", ""),
    ("79601000", "Scapula", ""),
    ("89546000", "Skull", ""),
    ("30315005", "Small intestine", "small bowel"),
    ("2748008", "Spinal cord", ""),
    ("78961009", "Spleen", ""),
    ("56873002", "Sternum", ""),
    ("69695003", "Stomach", ""),
    ("29700009", "Subclavian artery", ""),
    ("48345005", "Superior vena cava", "svc"),
    ("42695009", "Thalamus", ""),
    ("69748006", "Thyroid", "thyroid gland"),
    ("12611008", "Tibia", ""),
    ("44567001", "Trachea", ""),
    ("399384005", "Transition zone of the prostate", "transition zone, tz, prostate transition zone"),
    ("23416004", "Ulna", ""),
    ("45653009", "Upper lobe of lung", "lung upper lobe"),
    ("89837001", "Urinary bladder", "bladder"),
    ("35039007", "Uterus", ""),
)
_RIBS = (
    ("48535007", "First"),
    ("78247007", "Second"),
    ("25888004", "Third"),
    ("25523003", "Fourth"),
    ("15339008", "Fifth"),
    ("59558009", "Sixth"),
    ("24915002", "Seventh"),
    ("5953002", "Eighth"),
    ("22565002", "Ninth"),
    ("77644006", "Tenth"),
    ("58830002", "Eleventh"),
    ("43993008", "Twelfth"),
)
_VERTEBRAE = {
    "C": ("14806007", "39976000", "113205007", "5329002", "36978003", "36054005", "87391001"),
    "T": (
        *("64864005", "53733008", "1626008", "73071006", "56401006", "45296009"),
        *("62487009", "11068009", "82687006", "7610001", "12989004", "23215003"),
    ),
    "L": ("66794005", "14293000", "36470004", "11994002", "49668003"),
}
_DISEASES = (
    ("108369006", "Neoplasm", "tumor, tumour, tumors, tumours, cancer, neoplasm"),
    ("52988006", "Lesion", "lesion, lesions"),
    ("367643001", "Cyst", "cyst, cysts"),
    ("79654002", "Edema", "edema, oedema"),
    ("6574001", "Necrosis", "necrosis, necrotic"),
    ("27925004", "Nodule", "nodule, nodules"),
    ("50960005", "Hemorrhage", "hemorrhage, haemorrhage"),
    ("55641003", "Infarct", "infarct"),
)
# Words that say which part of a disease is meant, for which the type alone stands.
_PARTS = {"whole", "core", "enhancing", "non", "nonenhancing", "contrast", "et", "tc", "wt", "and", "of"}
_FILLERS = {"structure", "organ", "label", "segment"}


def terminology(name: str) -> Terminology:
    """The standard meaning of a structure by its name; the generic "Tissue" for one that is not in the table.

    Args:
        name: such as ``kidney_left``, ``Left kidney``, ``vertebrae_L3`` or ``liver tumor``.
    """
    words = _words(name.partition(" without ")[0])
    return _disease(words) or _structure(words) or Terminology(_TISSUE, _TISSUE)


def _words(name: str) -> list[str]:
    parted = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return [word for word in re.split(r"[^a-z0-9]+", parted.lower()) if word and word not in _FILLERS]


def _structure(words: list[str]) -> Terminology | None:
    found = _find(words)
    if found is None:
        return None
    term, side = found
    return Terminology(_ANATOMY, term, side)


def _disease(words: list[str]) -> Terminology | None:
    """A disease, alone or with the organ that it is in."""
    named = _lookup(_DISEASES)
    types = [named[word] for word in words if word in named]
    rest = [word for word in words if word not in named and word not in _PARTS]
    if not types:
        return None
    if not rest:
        return Terminology(_ALTERED, types[0])
    found = _find(rest)
    return Terminology(_ALTERED, types[0], region=found[0], region_modifier=found[1]) if found else None


def _find(words: list[str]) -> tuple[CodedTerm, CodedTerm | None] | None:
    """A structure and its side: the name as a whole first, since some structures have the side in their own name."""
    table = _table()
    whole = table.get(" ".join(words))
    if whole is not None:
        return whole, None
    sides = [word for word in words if word in _SIDES]
    rest = " ".join(word for word in words if word not in _SIDES)
    if len(sides) == 1 and rest in table:
        return table[rest], _SIDES[sides[0]]
    return None


def _table() -> dict[str, CodedTerm]:
    table = _lookup(_STRUCTURES)
    for n, (code, ordinal) in enumerate(_RIBS, start=1):
        table[f"rib {n}"] = CodedTerm("SCT", code, f"{ordinal} rib")
    for letter, codes in _VERTEBRAE.items():
        for n, code in enumerate(codes, start=1):
            term = CodedTerm("SCT", code, f"{letter}{n} vertebra")
            for spelled in (f"vertebra {letter}{n}", f"vertebrae {letter}{n}", f"{letter}{n} vertebra", f"{letter}{n}"):
                table[spelled.lower()] = term
    return table


def _lookup(rows: tuple[tuple[str, str, str], ...]) -> dict[str, CodedTerm]:
    table = {}
    for code, meaning, further in rows:
        for spelled in (meaning.lower(), *further.split(", ")):
            table[spelled] = CodedTerm("SCT", code, meaning)
    table.pop("", None)
    return table
