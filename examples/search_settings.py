"""
Search for settings, and cross-validate
=======================================

fastrnn's estimators work in scikit-learn's searches, on lists of sequences of different lengths, too.  Here a grid
search with two processes chooses the cell and the learning rate of a classifier of speakers.  Then its score is
measured on recordings that the search has not seen.

You need nothing but fastrnn, and some seconds.  If matplotlib is installed, you
see a picture, too.
"""

from importlib.util import find_spec

from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline

from fastrnn import SequenceClassifier
from fastrnn.datasets import load_japanese_vowels
from fastrnn.preprocessing import SequenceScaler

# %%
# Cross-validation first: three fits, each tested on a third of the recordings that it has not seen.

X, y = load_japanese_vowels(split="train")  # a list of 270 arrays
X_test, y_test = load_japanese_vowels(split="test")
model = make_pipeline(SequenceScaler(), SequenceClassifier(hidden_size=32, max_iter=10, random_state=0))
print("three folds:", cross_val_score(model, X, y, cv=3).round(3))

# %%
# Parameters in a pipeline have the name of their step before them.  ``n_jobs=2`` starts two processes.  Each of them
# fits one candidate after the other.

grid = {
    "sequenceclassifier__cell": ["rnn", "gru", "lstm"],
    "sequenceclassifier__learning_rate_init": [1e-3, 3e-3, 1e-2, 3e-2],
}
search = GridSearchCV(model, grid, cv=3, n_jobs=2).fit(X, y)
results = search.cv_results_
for parameters, score in zip(results["params"], results["mean_test_score"], strict=True):
    print(f"{score:.1%}", {name.split("__")[1]: value for name, value in parameters.items()})

# %%
# The best model was fitted again to all of the training data.  The best score of a search is too good, as it was
# chosen.  An honest score needs other data.

print(f"chosen {search.best_params_}")
print(f"score in the search {search.best_score_:.1%}, on new recordings {search.score(X_test, y_test):.1%}")

# %%
# If matplotlib is installed: the mean scores as lines.

if find_spec("matplotlib"):
    import matplotlib.pyplot as plt

    _, ax = plt.subplots(figsize=(5, 3.4), layout="constrained")
    for cell in grid["sequenceclassifier__cell"]:
        chosen = results["param_sequenceclassifier__cell"] == cell
        rates = results["param_sequenceclassifier__learning_rate_init"][chosen].astype(float)
        ax.plot(rates, 100 * results["mean_test_score"][chosen], marker="o", label=cell.upper())
    ax.set(title="Grid search", xlabel="learning_rate_init", ylabel="right, mean of 3 folds (%)", xscale="log")
    ax.legend()
    plt.show()
