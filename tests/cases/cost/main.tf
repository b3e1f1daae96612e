# What `tests/cost.rs` generates as the stack `many`, in Terraform: functions with a role, a log group, an alias, and a queue
# with dead letters that starts each. Without the policies of the queues, which refuse plain HTTP and so Terraform here.
variable "endpoint" { type = string }
variable "functions" { type = number }

provider "aws" {
  region                      = "eu-west-1"
  access_key                  = "000000000000"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  endpoints {
    iam    = var.endpoint
    lambda = var.endpoint
    logs   = var.endpoint
    sqs    = var.endpoint
    sts    = var.endpoint
  }
}

locals {
  names = { for at in range(var.functions) : "worker-${at}" => "jobs-${at}" }
}

data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "access" {
  for_each = local.names
  statement {
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.logs[each.key].arn}:*"]
  }
  statement {
    actions   = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]
    resources = ["*"]
  }
  statement {
    actions   = ["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"]
    resources = [aws_sqs_queue.jobs[each.key].arn]
  }
}

resource "aws_cloudwatch_log_group" "logs" {
  for_each          = local.names
  name              = "/aws/lambda/tf-${each.key}"
  retention_in_days = 30
}

resource "aws_iam_role" "role" {
  for_each           = local.names
  name               = "tf-${each.key}"
  assume_role_policy = data.aws_iam_policy_document.trust.json
}

resource "aws_iam_role_policy" "access" {
  for_each = local.names
  name     = "access"
  role     = aws_iam_role.role[each.key].id
  policy   = data.aws_iam_policy_document.access[each.key].json
}

resource "aws_sqs_queue" "dead" {
  for_each                  = local.names
  name                      = "tf-${each.value}-dead"
  message_retention_seconds = 1209600
}

resource "aws_sqs_queue" "jobs" {
  for_each                   = local.names
  name                       = "tf-${each.value}"
  visibility_timeout_seconds = 180
  redrive_policy             = jsonencode({ deadLetterTargetArn = aws_sqs_queue.dead[each.key].arn, maxReceiveCount = 5 })
}

resource "aws_lambda_function" "function" {
  for_each         = local.names
  function_name    = "tf-${each.key}"
  role             = aws_iam_role.role[each.key].arn
  filename         = "fn.zip"
  source_code_hash = filebase64sha256("fn.zip")
  handler          = "main.handler"
  runtime          = "python3.12"
  memory_size      = 256
  timeout          = 30
  publish          = true
  tracing_config { mode = "Active" }
  logging_config {
    log_format = "JSON"
    log_group  = aws_cloudwatch_log_group.logs[each.key].name
  }
}

resource "aws_lambda_alias" "live" {
  for_each         = local.names
  name             = "live"
  function_name    = aws_lambda_function.function[each.key].function_name
  function_version = aws_lambda_function.function[each.key].version
}

resource "aws_lambda_event_source_mapping" "jobs" {
  for_each                = local.names
  event_source_arn        = aws_sqs_queue.jobs[each.key].arn
  function_name           = aws_lambda_alias.live[each.key].arn
  function_response_types = ["ReportBatchItemFailures"]
}
