"""Days of Stacks transactions: plan, read, prove, store."""
