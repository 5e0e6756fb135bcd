//! llm-d-modelservice, inferencepool and infra chart values.
