"""The lab's EC2: moto behind a front that makes it as strict as EC2 itself, with faults, throttling and paging."""
