"""The web page of `salkit serve`.

Only `page` and `server` import Gradio: the work behind them runs, and is tested, without it.
"""
