"""What an institution gives in writing: contracts, receipts, certificates. Words, canonical bytes, PDF. Pure.

The words are Spanish in every language of the site: it is the Spanish contract that binds.
"""
