"""What every number on the page is, in a sentence."""

from __future__ import annotations

OPTIMUM = {
    "objective per": "The objective at this geometry as a mean, the scale on which training logs a "
    "loss.",
    "objective, summed": "The loss summed over its terms, with the penalty of the control where "
    "there is one: what is minimised, and the upper bound on the optimum.",
    "lower bound": "No embeddings of any dimension have a smaller summed objective: a dual bound, "
    "from which the gap follows.",
    "relative gap": "Upper minus lower bound, relative to size and spread of the objective; "
    "“<” where all of it may be rounding.",
    "tolerance": "The optimum is called certified up to this relative gap.",
    "rank": "How many dimensions embeddings need: eigenvalues of the Gram matrix of class means "
    "that are not zero as far as the certificate tells.",
    "bounds hold in": "Exact arithmetic where balls enclose every rounding; else double precision, "
    "with an estimate of rounding added to the gap.",
    "certified at": "At which level the certificate was computed: distinct class sizes, classes, "
    "or samples. All prove the same.",
    "smallest eigenvalue, Gram": "Of the Gram matrix as the solver left it, before it was made "
    "positive semidefinite: how much had to be repaired.",
    "smallest eigenvalue, slack": "Of the dual slack per sample, before it was made positive "
    "semidefinite: how much the lower bound had to pay.",
    "solver": "What found the geometry; the certificate takes nothing on its word.",
    "time": "Wall time by phase.",
    "options": "The options of the loss, in full.",
    "constraints hold up to": "By how much the Gram matrix violates constraints of the problem's "
    "own, at most.",
}

DECIDED = {
    "distance at a millionth": "How far normalised Gram matrices of class means can be apart at an "
    "excess of 1e-6 of the objective, to second order; the farthest there is is √2.",
    "excess at 0.05": "The share of the objective that a distance of 0.05 costs at least, to "
    "second order.",
    "float32": "The distance that one rounding of the loss in single precision allows: nothing "
    "nearer is seen by training in float32.",
    "float64": "The distance that one rounding of the loss in double precision allows.",
    "direction": "The change of the geometry that the loss notices least.",
}

COMPARISON = {
    "samples": "Rows compared; every view counts.",
    "dimension": "Of the embeddings.",
    "Gram distance of class means": "‖G/‖G‖ − G*/‖G*‖‖ of the Gram matrices of class means, every "
    "class counting the same: 0 for the same geometry up to rotation and scale, at most √2.",
    "Gram distance of samples": "The same of all samples, so that differences within classes count "
    "too.",
    "Procrustes residual": "What is left of the optimum after the best rotation and scale of the "
    "class means, relative to the optimum.",
    "excess": "How much larger the objective of the recipe is at these embeddings than at the "
    "optimum, at most: proved.",
    "excess of heights": "The same of the heights above the floor, a constant that no embeddings "
    "change: what embeddings decide.",
    "estimate": "The expected loss of batches at the embeddings themselves, by drawing batches: an "
    "estimate, no bound.",
    "split": "The excess in parts: what differences within classes cost, what the angles of class "
    "means cost, and what their norms cost.",
    "allows": "How far from the optimum a geometry of this excess can be, to second order: the "
    "loss cannot tell nearer ones apart.",
    "proved distance": "No geometry of this excess is farther from the optimum than that: proved.",
    "reference": "What this well-known geometry would lose against the optimum, and how far it is.",
    "nearest mean": "Share of samples that are nearest to the mean of their own class.",
}

COLUMNS = {
    "class": "Label of the class, or its number.",
    "classes of this size": "How many classes have so many samples; all are alike at the optimum.",
    "classes of this kind": "How many classes are of this kind; all are alike at the optimum.",
    "samples": "Training samples of the class.",
    "norm": "‖h‖, length of the optimal embedding of the class.",
    "mean cosine": "Mean cosine of the class's embedding with those of all other classes.",
    "largest cosine": "Cosine with the nearest other class.",
    "classifier norm": "‖w‖, length of the class's row of the optimal classifier.",
    "classifier mean cosine": "Mean cosine of that row with all other rows.",
    "classifier largest cosine": "Cosine of that row with the nearest other row.",
    "cosine to classifier": "Cosine of the class's embedding with its row of the classifier.",
}

FRAME = {
    "equinorm": "NC2: standard deviation over mean of the norms; 0 where all are equally long.",
    "mean_cosine": "Mean cosine over pairs of classes: −1/(k−1) for a simplex ETF.",
    "equiangularity": "NC2: standard deviation of the cosines over pairs of classes.",
    "maximal_angle": "NC2: mean distance of the cosines from −1/(k−1).",
    "simplex_distance": "Distance of the normalised Gram matrix from that of a simplex ETF.",
    "orthogonal_distance": "The same from that of an orthogonal frame.",
    "angular_similarity": "Mean over pairs of 1 − angle/π.",
    "uniformity": "log of the mean over pairs of exp(−2‖u−v‖²) of the directions: lower is more "
    "uniform.",
    "log_distance": "Mean over pairs of −log of the distance of the directions.",
    "within_between": "NC1: scatter within classes over that between them, tr(Σ_W Σ_B⁺)/k; 0 where "
    "classes have collapsed.",
    "within_between_sum": "NC1 without the division by the number of classes.",
    "trace_ratio": "tr Σ_W/tr Σ_B: NC1 without a pseudo-inverse.",
}

DUALITY = {
    "self_duality": "NC3: distance of classifier and class means, both at norm one.",
    "structure_distance": "NC3: distance of their products from a simplex ETF.",
    "mean_cosine": "Mean cosine of a class mean with its row of the classifier.",
    "cosine_deviation": "Standard deviation of these cosines.",
    "mean_angle": "Mean angle between a class mean and its row, in degrees.",
    "largest_angle": "Largest of these angles, in degrees.",
}

ALONE = {
    "trace_ratio_by_samples": "Scatter within classes over that between them, samples counting in "
    "both.",
    "trace_ratio_by_classes": "The same, classes counting in both.",
    "class_distance_variance": "CDNV: mean over pairs of classes of the variance within over twice "
    "the squared distance between.",
    "alignment": "Mean squared distance over pairs of samples of one class.",
    "rank": "Singular values of the class means above a thousandth of the largest.",
    "effective_rank": "Exponential of the entropy of the singular values of the class means.",
    "effective_rank_of_gram": "The same of the Gram matrix.",
    "stable_rank": "Squared Frobenius norm of the class means over their largest squared singular "
    "value.",
    "agreement": "NC4: share of samples that the classifier gives to the class whose mean is "
    "nearest.",
    "accuracy": "Share of samples that the classifier gives to their own class.",
    "balanced_accuracy": "Mean of that share over classes.",
    "classifier_distance": "Distance of the normalised Gram matrices of the rows of the classifier "
    "and of the optimal one.",
    "joint_distance": "Distance of all inner products of class means and classifier from those of "
    "the optimum, both at norm one.",
    "logit_distance": "Distance of the normalised logits, without bias, from those of the optimum.",
    "centred_logit_distance": "The same less the mean of every row, which no softmax sees.",
    "logit_error": "Distance of the logits with bias, less row means, relative to the optimum: "
    "scale counts.",
    "balance": "What the features cost over what the classifier costs: one at the optimum of a "
    "penalty.",
}

CENTRES = {
    "class_centred": "Class means less the mean of all class means.",
    "sample_centred": "Class means less the mean of all samples.",
    "uncentred": "Class means as they are.",
    "classifier_class_centred": "Rows of the classifier against class-centred means.",
    "classifier_sample_centred": "Rows of the classifier against sample-centred means.",
    "classifier_uncentred": "Rows of the classifier against class means as they are.",
    "classifier_frame": "Norms and angles of the rows of the classifier.",
    "duality": "Rows of the classifier against class means.",
    "optimal_duality": "The same at the optimum.",
}
