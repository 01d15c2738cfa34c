"""The contract: one small module per kind of component, each the Protocol a plugin satisfies."""
