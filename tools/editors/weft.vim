" Chapters of Weft in Vim: prose as Markdown, chunks as C, or as assembler
" where the chunk says so.  Nothing is installed:  vim -S tools/editors/weft.vim
" or, once, in ~/.vimrc:
"     autocmd BufRead */weft/book/*.nw source <weft>/tools/editors/weft.vim
"
"   :Chunk         jump to the definition of the chunk under the cursor
"   :Where         from the book to the tangled file, and back
"   :make          and the quickfix list has the places in the chapters
"   control-]      a function, macro or structure (after `make tags`)

let s:here = expand('<sfile>:p:h:h:h')

function! s:colour()
    syntax clear
    let b:current_syntax = ''
    unlet! b:current_syntax
    runtime! syntax/markdown.vim
    unlet! b:current_syntax
    syntax include @weftC syntax/c.vim
    unlet! b:current_syntax
    syntax include @weftAssembler syntax/asm.vim
    " Wherever Markdown is, a chunk begins at the margin and ends with an @.
    syntax region weftC matchgroup=weftChunk
        \ start=/^<<.*>>=\s*$/ end=/^@\ze\(\s\|$\)/ keepend
        \ contains=@weftC,weftUse,weftShift containedin=ALLBUT,weftC
    syntax region weftAssembler matchgroup=weftChunk
        \ start=/^<<\(machine\/\S*\.S\|riscv:.*\|i386:.*\)>>=\s*$/
        \ end=/^@\ze\(\s\|$\)/ keepend
        \ contains=@weftAssembler,weftUse,weftShift
    syntax region weftTranscript matchgroup=weftChunk
        \ start=/^<<transcript\/.*>>=\s*$/ end=/^@\ze\(\s\|$\)/ keepend
        \ contains=weftTyped,weftAny
    syntax match weftUse /^\s*<<.*>>\s*$/ contained
    syntax match weftShift /@<</ contained
    syntax match weftTyped /^weft[>$] .*$/ contained
    syntax match weftAny /{[a-z]\+}/ contained
    syntax region weftQuote start=/\[\[/ end=/\]\]\+/ oneline
        \ containedin=ALLBUT,weftC,weftAssembler,weftTranscript
    syntax match weftReference /@\(ch\|sec\|fig\|tbl\|ex\):[a-z0-9-]\+/
        \ containedin=ALLBUT,weftC,weftAssembler,weftTranscript
    syntax match weftDivision /^:::.*$/
        \ containedin=ALLBUT,weftC,weftAssembler,weftTranscript
    highlight default link weftChunk PreProc
    highlight default link weftUse PreProc
    highlight default link weftShift Special
    highlight default link weftTyped Statement
    highlight default link weftAny Special
    highlight default link weftQuote Identifier
    highlight default link weftReference Underlined
    highlight default link weftDivision Comment
    syntax sync fromstart
    let b:current_syntax = 'weft'
endfunction

" Name of the chunk on this line, whether it is used or defined here.
function! s:chunk()
    let name = matchstr(getline('.'), '<<\zs.*\ze>>')
    if name == ''
        echo 'no chunk on this line'
        return
    endif
    for found in taglist('\V\^' . escape(name, '\') . '\$')
        execute 'edit +' . found.cmd fnameescape(found.filename)
        return
    endfor
    echo 'no tag of that name (`make tags`)'
endfunction

function! s:where()
    let place = fnamemodify(expand('%'), ':p')[len(s:here) + 1:]
    let found = systemlist('cd ' . shellescape(s:here) . ' && tools/where ' .
        \ shellescape(place . ':' . line('.')))
    if v:shell_error
        echo join(found)
        return
    endif
    let [path, number] = split(found[0], ':')
    execute 'edit +' . number fnameescape(s:here . '/' . path)
endfunction

function! s:start()
    setlocal tabstop=8 shiftwidth=8 noexpandtab textwidth=80
    setlocal errorformat=%f:%l:%c:\ %m,%f:%l:\ %m
    let &l:tags = s:here . '/tags'
    command! -buffer Chunk call s:chunk()
    command! -buffer Where call s:where()
endfunction

syntax on
augroup weft
    autocmd!
    autocmd BufRead,BufNewFile *.nw setlocal filetype=weft
    autocmd FileType weft call s:start()
    autocmd Syntax weft call s:colour()
    autocmd BufRead */tangle/*.[chS] command! -buffer Where call s:where()
augroup END
if expand('%') =~ '\.nw$'
    setlocal filetype=weft
endif
