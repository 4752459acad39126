# SalFoM on LEDOV, fine-tuned from DHF1K as salfom/umt-l16_cc-kl_ucf-sports is.
_base_ = './umt-l16_cc-kl.py'
dataset_type = 'LEDOVDataset'
data_root = 'data/ledov'
load_from = 'work_dirs/umt-l16_cc-kl'
