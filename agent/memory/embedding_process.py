"""Embeds texts with a sentence-transformers model, in a separate process of `embedding_recall`.

Reads one JSON object from stdin (`model`: a folder, `texts`: N texts) and prints the N - 1 cosines of the
first text with the others.
"""

import json
import sys


def main() -> None:
    from sentence_transformers import SentenceTransformer

    asked = json.load(sys.stdin)
    model = SentenceTransformer(asked["model"], device="cpu", local_files_only=True)
    vectors = model.encode(asked["texts"], normalize_embeddings=True, show_progress_bar=False)  # (N, D)
    print(json.dumps([float(cosine) for cosine in vectors[1:] @ vectors[0]]))


if __name__ == "__main__":
    main()
