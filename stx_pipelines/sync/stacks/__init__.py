"""The sync of Stacks transactions: functions that plan, read, prove and store days."""
