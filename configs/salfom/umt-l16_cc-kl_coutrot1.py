# SalFoM on a fold of Coutrot 1, fine-tuned from DHF1K as salfom/umt-l16_cc-kl_ucf-sports is.
_base_ = './umt-l16_cc-kl.py'
dataset_type = 'Coutrot1Dataset'
data_root = 'data/coutrot1'
load_from = 'work_dirs/umt-l16_cc-kl'
