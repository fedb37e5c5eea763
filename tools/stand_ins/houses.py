"""The stand-in of the Ames house prices: made-up houses with the same columns.

Column names and category codes are those of the public data dictionary (De
Cock, 2011); every value is drawn at random here. A few traits of a house (how
fine, how large, how old, where) show in many columns and make its price: the
logarithm is nearly linear in them, with two interactions and noise.
"""

import numpy as np
import pandas as pd

_COLUMNS = """
Id MSSubClass MSZoning LotFrontage LotArea Street Alley LotShape LandContour
Utilities LotConfig LandSlope Neighborhood Condition1 Condition2 BldgType
HouseStyle OverallQual OverallCond YearBuilt YearRemodAdd RoofStyle RoofMatl
Exterior1st Exterior2nd MasVnrType MasVnrArea ExterQual ExterCond Foundation
BsmtQual BsmtCond BsmtExposure BsmtFinType1 BsmtFinSF1 BsmtFinType2 BsmtFinSF2
BsmtUnfSF TotalBsmtSF Heating HeatingQC CentralAir Electrical 1stFlrSF 2ndFlrSF
LowQualFinSF GrLivArea BsmtFullBath BsmtHalfBath FullBath HalfBath BedroomAbvGr
KitchenAbvGr KitchenQual TotRmsAbvGrd Functional Fireplaces FireplaceQu
GarageType GarageYrBlt GarageFinish GarageCars GarageArea GarageQual GarageCond
PavedDrive WoodDeckSF OpenPorchSF EnclosedPorch 3SsnPorch ScreenPorch PoolArea
PoolQC Fence MiscFeature MiscVal MoSold YrSold SaleType SaleCondition SalePrice
"""

# Categories that hardly touch the price: code, share, code, share, ...; the last
# one takes what is left. NA means that a house has no such thing.
_INDEPENDENT = {
    "Street": "Pave .99 Grvl",
    "Alley": "NA .94 Grvl .03 Pave",
    "LotShape": "Reg .63 IR1 .33 IR2 .03 IR3",
    "LandContour": "Lvl .90 Bnk .04 HLS .03 Low",
    "Utilities": "AllPub .998 NoSeWa",
    "LotConfig": "Inside .72 Corner .18 CulDSac .06 FR2 .03 FR3",
    "LandSlope": "Gtl .95 Mod .04 Sev",
    "Condition1": "Norm .87 Feedr .06 Artery .03 RRAn .02 PosN .01 PosA",
    "Condition2": "Norm .99 Feedr .005 Artery",
    "RoofStyle": "Gable .78 Hip .20 Flat .01 Gambrel .007 Shed",
    "RoofMatl": "CompShg .98 Tar&Grv .01 WdShngl .005 WdShake",
    "Exterior1st": "VinylSd .36 HdBoard .16 MetalSd .16 Plywood .1 BrkFace .1 Stucco",
    "MasVnrType": "None .59 BrkFace .31 Stone .09 BrkCmn",
    "ExterCond": "TA .88 Gd .10 Fa",
    "BsmtCond": "TA .93 Gd .04 Fa",
    "BsmtFinType2": "Unf .88 Rec .05 LwQ .04 BLQ",
    "Heating": "GasA .98 GasW .012 Grav",
    "Electrical": "SBrkr .91 FuseA .065 FuseF",
    "Functional": "Typ .93 Min2 .025 Min1 .025 Mod .01 Maj1",
    "GarageQual": "TA .95 Fa .03 Gd",
    "GarageCond": "TA .96 Fa .03 Gd",
    "PavedDrive": "Y .92 N .06 P",
    "Fence": "NA .81 MnPrv .11 GdPrv .04 GdWo",
    "MiscFeature": "NA .963 Shed .033 Gar2",
    "SaleType": "WD .88 New .08 COD",
    "SaleCondition": "Normal .82 Partial .09 Abnorml .07 Family",
}

# What a place adds to the log price, and when it was built up.
_PLACES = {
    "NAmes": (-0.05, 1960),
    "CollgCr": (0.08, 1997),
    "OldTown": (-0.15, 1920),
    "Edwards": (-0.12, 1955),
    "Somerst": (0.12, 2005),
    "Gilbert": (0.04, 1998),
    "NridgHt": (0.22, 2005),
    "Sawyer": (-0.08, 1963),
    "NWAmes": (0.03, 1975),
    "BrkSide": (-0.10, 1930),
    "Crawfor": (0.12, 1940),
    "Timber": (0.16, 1992),
}

# Here the test table misses values that the training table always has.
_MISSING_IN_TEST = """
MSZoning Utilities Exterior1st Exterior2nd BsmtFinSF1 BsmtFinSF2 BsmtUnfSF
TotalBsmtSF BsmtFullBath BsmtHalfBath KitchenQual Functional GarageCars
GarageArea SaleType
"""


def make_up_houses(
    num_train: int, num_test: int, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return a training table of 81 columns and a test table without the price.

    A missing value is NaN in a column of numbers and "NA" in one of categories.
    """
    rng = np.random.default_rng(seed)
    n = num_train + num_test

    def share(p: float | np.ndarray) -> np.ndarray:
        return rng.random(n) < p

    def whole(values: np.ndarray, low: float, high: float) -> np.ndarray:
        return np.clip(np.rint(values), low, high).astype(int)

    def grade(level: np.ndarray, noise: float = 0.5) -> np.ndarray:
        """Turn a level (0 on average) into a code from fair to excellent."""
        noisy = level + rng.normal(0, noise, n)
        return np.select(
            [noisy < -1.8, noisy < 0.3, noisy < 1.6], ["Fa", "TA", "Gd"], "Ex"
        )

    house = {name: _draw(rng, text, n) for name, text in _INDEPENDENT.items()}

    # where and when
    place = rng.choice(list(_PLACES), n)
    place_value, place_year = np.array([_PLACES[name] for name in place]).T
    sold = rng.integers(2006, 2011, n)
    built = whole(place_year + rng.normal(0, 9, n), 1872, sold)
    remodelled = np.where(share(0.45), rng.integers(built, sold + 1), built)
    newness = (built - 1970) / 30
    house["Neighborhood"] = place
    house["MSZoning"] = np.where(
        place == "Somerst", "FV", np.where(share(0.15), "RM", "RL")
    )
    house["YrSold"] = sold
    house["MoSold"] = whole(rng.normal(6.3, 2.7, n), 1, 12)
    house["YearBuilt"] = built
    house["YearRemodAdd"] = np.maximum(remodelled, 1950)
    house["Foundation"] = np.select(
        [built > 1985, built > 1940], ["PConc", "CBlock"], "BrkTil"
    )
    house["CentralAir"] = np.where(share(0.99 - 0.2 * (built < 1940)), "Y", "N")
    house["Exterior2nd"] = house["Exterior1st"]

    # how fine
    fineness = 0.6 * newness + 1.5 * place_value + rng.normal(0, 0.8, n)
    quality = whole(6.1 + 1.2 * fineness, 1, 10)
    condition = whole(5.6 - 0.3 * newness + rng.normal(0, 1, n), 1, 9)
    house["OverallQual"] = quality
    house["OverallCond"] = condition
    house["ExterQual"] = grade(fineness)
    house["KitchenQual"] = grade(fineness + 0.2)
    house["HeatingQC"] = grade(fineness + 0.8, noise=1)
    house["MasVnrArea"] = np.where(
        house["MasVnrType"] == "None", 0, whole(rng.gamma(2, 130, n), 10, 1600)
    )

    # how large
    size = 0.35 * fineness + rng.normal(0, 0.8, n)
    living = whole(np.exp(7.27 + 0.29 * size), 334, 5600)
    two_floors = share(0.4)
    upper = np.where(
        two_floors, whole(living * rng.normal(0.45, 0.05, n), 200, 2000), 0
    )
    upper = np.minimum(upper, living - 100)
    poor = np.where(share(0.02), whole(rng.normal(80, 20, n), 20, 99), 0)
    first = living - upper - poor
    house["GrLivArea"] = living
    house["1stFlrSF"], house["2ndFlrSF"], house["LowQualFinSF"] = first, upper, poor
    house["HouseStyle"] = np.where(two_floors, "2Story", "1Story")
    house["BldgType"] = _draw(rng, "1Fam .84 TwnhsE .08 Duplex .05 Twnhs", n)
    house["MSSubClass"] = np.where(
        house["BldgType"] == "1Fam", np.where(two_floors, 60, 20), 120
    )
    house["BedroomAbvGr"] = whole(2.9 + 0.5 * size + rng.normal(0, 0.6, n), 0, 8)
    house["TotRmsAbvGrd"] = whole(6.5 + 1.3 * size + rng.normal(0, 0.6, n), 2, 14)
    house["FullBath"] = whole(1.55 + 0.4 * size + rng.normal(0, 0.3, n), 0, 3)
    house["HalfBath"] = whole(0.4 * two_floors + rng.normal(0.15, 0.3, n), 0, 2)
    house["KitchenAbvGr"] = np.where(house["BldgType"] == "Duplex", 2, 1)
    lot = whole(np.exp(9.1 + 0.2 * size + rng.normal(0, 0.4, n)), 1300, 215_000)
    house["LotArea"] = lot
    house["LotFrontage"] = np.where(
        share(0.18), np.nan, whole(0.7 * np.sqrt(lot) + rng.normal(0, 12, n), 21, 313)
    )

    # basement
    has_basement = ~share(0.026)
    basement = has_basement * whole(first * rng.normal(0.95, 0.1, n), 100, 6000)
    finished = whole(basement * share(0.7) * rng.beta(2, 1.5, n), 0, 5600)
    second = np.where(
        has_basement & (house["BsmtFinType2"] != "Unf"),
        whole((basement - finished) * rng.random(n), 0, 1400),
        0,
    )
    house["TotalBsmtSF"], house["BsmtFinSF1"] = basement, finished
    house["BsmtFinSF2"], house["BsmtUnfSF"] = second, basement - finished - second
    house["BsmtQual"] = grade(0.8 * newness + 0.3, noise=0.6)
    house["BsmtExposure"] = _draw(rng, "No .67 Av .15 Gd .09 Mn", n)
    house["BsmtFinType1"] = np.where(
        finished == 0, "Unf", _draw(rng, "GLQ .4 ALQ .22 BLQ .15 Rec .13 LwQ", n)
    )
    house["BsmtFullBath"] = (finished > 300) & share(0.6)
    house["BsmtHalfBath"] = has_basement & share(0.055)
    for part in ("Qual", "Cond", "Exposure", "FinType1", "FinType2"):
        name = f"Bsmt{part}"
        house[name] = np.where(has_basement, house[name], "NA")

    # fireplace, garage, porches
    fireplaces = whole(0.55 + 0.4 * fineness + rng.normal(0, 0.5, n), 0, 3)
    house["Fireplaces"] = fireplaces
    house["FireplaceQu"] = np.where(fireplaces > 0, grade(fineness), "NA")
    has_garage = ~share(0.055)
    cars = has_garage * whole(1.9 + 0.5 * fineness + rng.normal(0, 0.4, n), 1, 4)
    house["GarageCars"] = cars
    house["GarageArea"] = cars * whole(rng.normal(265, 25, n), 180, 360)
    house["GarageYrBlt"] = np.where(has_garage, built, np.nan)
    house["GarageType"] = np.where(built > 1950, "Attchd", "Detchd")
    house["GarageFinish"] = np.select(
        [fineness + rng.normal(0, 0.6, n) < 0, fineness < 0.8], ["Unf", "RFn"], "Fin"
    )
    for name in ("GarageType", "GarageFinish", "GarageQual", "GarageCond"):
        house[name] = np.where(has_garage, house[name], "NA")
    for name, portion, mean in (
        ("WoodDeckSF", 0.48, 190),
        ("OpenPorchSF", 0.55, 80),
        ("EnclosedPorch", 0.14, 150),
        ("3SsnPorch", 0.016, 200),
        ("ScreenPorch", 0.08, 190),
        ("PoolArea", 0.005, 550),
    ):
        house[name] = share(portion) * whole(rng.gamma(4, mean / 4, n), 20, 900)
    house["PoolQC"] = np.where(house["PoolArea"] > 0, "Gd", "NA")
    house["MiscVal"] = (house["MiscFeature"] != "NA") * rng.integers(4, 20, n) * 100

    log_price = (
        11.8
        + 0.26 * size
        + 0.10 * (quality - 6.1)
        + place_value
        + 0.05 * newness
        + 0.045 * (condition - 5.6)
        + 0.04 * cars
        + 0.03 * fireplaces
        + 0.10 * basement / 1000
        + 0.08 * finished / 1000
        + 0.08 * (np.log(lot) - 9.1)
        + 0.05 * (house["CentralAir"] == "Y")
        - 0.08 * (house["SaleCondition"] == "Abnorml")
        + 0.03 * size * (quality - 6.1)
        - 0.06 * newness * (condition < 5)
        + rng.normal(0, 0.1, n)
    )
    house["SalePrice"] = whole(np.exp(log_price) / 100, 349, 9000) * 100
    house["Id"] = np.arange(1, n + 1)

    table = pd.DataFrame(house)[_COLUMNS.split()]
    for name in ("BsmtFullBath", "BsmtHalfBath"):
        table[name] = table[name].astype(int)
    no_record = share(0.0055)
    table["MasVnrArea"] = table["MasVnrArea"].where(~no_record)
    table["MasVnrType"] = table["MasVnrType"].where(~no_record, "NA")
    train = table[:num_train]
    test = table[num_train:].drop(columns="SalePrice").reset_index(drop=True)
    for row, name in enumerate(_MISSING_IN_TEST.split()):
        test[name] = test[name].where(test.index != row)
    return train, test


def _draw(rng: np.random.Generator, text: str, n: int) -> np.ndarray:
    """Draw ``n`` codes by the shares in ``text``; the last one gets the rest."""
    words = text.split()
    shares = [float(word) for word in words[1::2]]
    return rng.choice(words[::2], n, p=[*shares, 1 - sum(shares)])
