"""What the Lambda function and its table of detections are made of."""
