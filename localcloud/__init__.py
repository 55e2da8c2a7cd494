"""Plumbline's embedded local AWS, for its demo and its tests.

One process: `ministack` is the front door (Lambda, EventBridge, SQS, SNS, DynamoDB, IAM, CloudFormation, Logs), `moto`
serves EC2 and its neighbours inside it, and the modules of this package fix what either gets wrong and add what both
lack. Every fix names the AWS behaviour and where AWS documents it. See README.md.
"""
