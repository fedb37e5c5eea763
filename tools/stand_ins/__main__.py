"""Write the files of ``d2lutils/data/stand_ins``: ``python -m tools.stand_ins``."""

import lzma
from pathlib import Path

from tools.stand_ins.airfoil import airfoil
from tools.stand_ins.houses import make_up_houses

FOLDER = Path(__file__).parents[2] / "d2lutils" / "data" / "stand_ins"


def contents() -> dict[str, str]:
    """Return the text of each shipped file by its name without ``.xz``."""
    train, test = make_up_houses(num_train=1460, num_test=1459, seed=0)
    return {
        "airfoil_self_noise.dat": airfoil(seed=0),
        "kaggle_house_pred_train.csv": train.to_csv(index=False),
        "kaggle_house_pred_test.csv": test.to_csv(index=False),
    }


if __name__ == "__main__":
    for name, text in contents().items():
        packed = lzma.compress(text.encode(), preset=9 | lzma.PRESET_EXTREME)
        (FOLDER / f"{name}.xz").write_bytes(packed)
        print(f"{name}.xz: {len(packed):,} bytes")
