"""The file-check engine: from a received file to its result; knows no bucket, ledger or Dagster."""
