# SalFoM on UCF-Sports, fine-tuned from DHF1K: the best checkpoint of salfom/umt-l16_cc-kl in its
# default work dir, or any other with --cfg-options load_from=FILE.
_base_ = './umt-l16_cc-kl.py'
dataset_type = 'UCFSportsDataset'
data_root = 'data/ucf_sports'
load_from = 'work_dirs/umt-l16_cc-kl'
