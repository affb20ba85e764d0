#!/usr/bin/env python3
"""noweb filter: mark where C and assembler identifiers are defined.

Copies the token stream, adding before a line that defines something

    @index defn NAME            noweb's own token
    @weave KIND [static]        ours: function, macro, struct, label, ...

A struct's name is `struct NAME`, as it is written where it is used.
"""
import sys
import nw

stream = sys.stdin.readlines()
chunks = nw.pieces_by_name(nw.parse(stream))
before = {}             # position in the stream -> tokens to put there
for piece, index, name, kind, static in nw.definitions(chunks):
    before.setdefault(piece.starts[index], []).append(
        f'@index defn {name}\n@weave {kind}{" static" if static else ""}\n')
for position, token in enumerate(stream):
    sys.stdout.writelines(before.get(position, ()))
    sys.stdout.write(token)
