# SalFoM on a fold of SumMe, fine-tuned from DHF1K as salfom/umt-l16_cc-kl_ucf-sports is.
_base_ = './umt-l16_cc-kl.py'
dataset_type = 'SumMeDataset'
data_root = 'data/summe'
load_from = 'work_dirs/umt-l16_cc-kl'
