"""Words that mean the same in a search: what people type, what catalogues say."""

from __future__ import annotations

import re

_GROUPS = (
    ("kidney", "kidneys", "renal", "nephro"),
    ("liver", "hepatic", "hepato", "hepar"),
    ("lung", "lungs", "pulmonary", "pulmo"),
    ("heart", "cardiac", "cardio", "cor"),
    ("brain", "cerebral", "cerebrum", "intracranial", "neuro"),
    ("spine", "spinal", "vertebra", "vertebrae", "vertebral", "backbone"),
    ("tumour", "tumor", "tumours", "tumors", "lesion", "lesions", "cancer", "carcinoma", "neoplasm", "mass"),
    ("vessel", "vessels", "vascular", "artery", "arteries", "vein", "veins", "vena"),
    ("bleed", "bleeding", "hemorrhage", "haemorrhage", "ich"),
    ("bone", "bones", "osseous", "skeleton", "skeletal"),
    ("muscle", "muscles", "muscular"),
    ("tooth", "teeth", "dental"),
    ("eye", "eyes", "eyeball", "ocular", "orbit", "orbital", "oculomotor"),
    ("oesophagus", "esophagus", "gullet"),
    ("bowel", "intestine", "gut", "colon"),
    ("bladder", "vesica"),
    ("prostate", "prostatic"),
    ("breast", "breasts", "mamma", "mammary"),
    ("adrenal", "suprarenal"),
    ("jaw", "mandible", "maxilla", "mandibular", "craniofacial"),
    ("nodule", "nodules"),
    ("cyst", "cysts"),
    ("effusion", "effusions"),
    ("airway", "airways", "bronchi", "bronchia", "trachea"),
    ("aneurysm", "aneurysms"),
    ("skull", "cranium", "cranial"),
    ("thorax", "thoracic", "chest"),
    ("abdomen", "abdominal", "belly"),
    ("pelvis", "pelvic"),
    ("head", "cephalic"),
    ("neck", "cervical"),
    ("mr", "mri"),
    ("ventricle", "ventricles"),
    ("disc", "discs", "disk", "disks"),
    ("organ", "organs"),
    ("implant", "implants", "prosthesis"),
    ("segment", "segments", "couinaud"),
)
_SYNONYMS = {word: frozenset(group) for group in _GROUPS for word in group}


def search_words(text: str) -> list[str]:
    """The words of a text in lower case; ``kidney_left`` is two, ``T12`` and ``1.5`` are one."""
    return re.findall(r"[a-z0-9]+(?:\.[0-9]+)?", text.lower().replace("_", " "))


def synonyms(word: str) -> frozenset[str]:
    """The word and what means the same."""
    return _SYNONYMS.get(word, frozenset((word,)))
