"""Tests of the local cloud: each names the AWS behaviour that it asserts and where AWS documents it."""
