"""A draft file with new weights: `write_gguf.py DRAFT.gguf WEIGHTS.npz OUT.gguf NAME`.

Everything but the name and the weights is DRAFT.gguf's, the tensors' types too: Q8_0 and F32.
"""

import argparse
from pathlib import Path

import numpy as np
from gguf import GGUFReader, GGUFValueType, GGUFWriter
from gguf.quants import quantize

# What the writer says by itself.
OWN = ("GGUF.", "general.architecture")


def write(like: Path, weights: dict[str, np.ndarray], out: Path, name: str) -> None:
    """Writes `weights`, by their tensors' names and as [rows, columns], into a file that is otherwise as `like`."""
    reader = GGUFReader(like)
    writer = GGUFWriter(out, reader.fields["general.architecture"].contents())
    for key, field in reader.fields.items():
        if key.startswith(OWN):
            continue
        kind = field.types[0]
        element = field.types[1] if kind == GGUFValueType.ARRAY else None
        writer.add_key_value(key, name if key == "general.name" else field.contents(), kind, element)
    for tensor in reader.tensors:
        values = weights[tensor.name].astype(np.float32)
        if values.shape != tuple(reversed(tensor.shape.tolist())):
            raise ValueError(f"{tensor.name} is {values.shape}; the file has {tensor.shape.tolist()}, columns first")
        kind = tensor.tensor_type
        writer.add_tensor(tensor.name, quantize(values, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main() -> None:
    """Reads the weights and writes the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("draft", type=Path)
    parser.add_argument("weights", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("name", help="`general.name` of the file")
    args = parser.parse_args()
    write(args.draft, dict(np.load(args.weights)), args.out, args.name)


if __name__ == "__main__":
    main()
