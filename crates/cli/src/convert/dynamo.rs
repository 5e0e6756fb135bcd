//! DynamoGraphDeployment (vLLM).
