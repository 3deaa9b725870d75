"""Model packages: the card, the weights, loading them safely, and the list of bundled models.

Importing this package imports no torch; the public names load on first use.
"""

from .._lazy import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "FORMAT_VERSION": "card",
        "Accuracy": "card",
        "PixelAccuracy": "card",
        "ChannelIntensities": "card",
        "Companion": "card",
        "CompressedForm": "card",
        "Derivation": "card",
        "FormAccuracy": "card",
        "InferenceContract": "card",
        "InputChannel": "card",
        "Model": "model",
        "ModelCard": "card",
        "Normalization": "card",
        "PostprocessingStep": "card",
        "Preparation": "card",
        "StructureSize": "card",
        "TrainingFingerprint": "card",
        "card_from_json": "serialization",
        "card_to_json": "serialization",
        "check_card": "validation",
        "config_from_dict": "serialization",
        "config_to_dict": "serialization",
        "find_model": "registry",
        "list_models": "registry",
        "load_model": "package",
        "model_folders": "locations",
        "read_card": "opening",
        "remove_model": "removal",
        "save_model": "package",
        "user_model_folder": "locations",
        "zip_model": "package",
    },
)
