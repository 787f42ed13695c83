"""Definitions: what each task measures and with which numbers, a file per task: its METRICS and its protocol.

They stand apart from the tasks, so that who reads records or draws results needs neither physics nor a model.
"""
