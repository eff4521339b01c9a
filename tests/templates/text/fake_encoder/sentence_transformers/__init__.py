"""A small stand-in for sentence-transformers: vectors of hashed words, and a token per word.

`FAKE_TEXTS_PER_S` slows it down: so many texts of 8 words a second, longer ones in proportion.
"""

import os
import time
import zlib
from pathlib import Path

import numpy as np


class SentenceTransformer:
    """Counts the words of a text, up to `max_seq_length` of them."""

    def __init__(self, folder: str, local_files_only: bool) -> None:
        assert local_files_only
        assert (Path(folder) / "modules.json").is_file()
        self.max_seq_length = 256
        print("the model was loaded")

    def encode(self, texts: list[str], normalize_embeddings: bool, show_progress_bar: bool) -> np.ndarray:
        assert normalize_embeddings
        assert not show_progress_bar
        vectors = np.zeros((len(texts), 128), dtype=np.float32)
        for row, text in enumerate(texts):
            for word in text.split()[: self.max_seq_length]:
                vectors[row, zlib.crc32(word.encode()) % 128] += 1
        if "FAKE_TEXTS_PER_S" in os.environ:
            words = sum(min(len(text.split()), self.max_seq_length) + 8 for text in texts)
            time.sleep(words / 16 / float(os.environ["FAKE_TEXTS_PER_S"]))
        return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)

    def tokenizer(self, texts: list[str], **settings: bool) -> dict[str, list[list[int]]]:
        assert settings == {"truncation": False, "padding": False, "verbose": False}
        return {"input_ids": [[0] * len(text.split()) for text in texts]}
