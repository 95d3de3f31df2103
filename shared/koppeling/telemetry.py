"""The one place that makes the logger. What is logged: codes, connection ids, order numbers. Nobody's data."""

from aws_lambda_powertools import Logger

logger = Logger()
