"""The SQS consumer's parts; `service.cloud.consumer` joins them."""
