;;; weft.el --- chapters of Weft in Emacs  -*- lexical-binding: t -*-

;; Prose and code get their colours; nothing is installed.  In ~/.emacs:
;;     (load "<weft>/tools/editors/weft.el")
;;
;;   M-.            the definition of a name or chunk (after `make tags')
;;   C-c C-w        from the book to the tangled file, and back
;;   M-x compile    and C-x ` leads to the places in the chapters

;;; Code:

(require 'font-lock)
(require 'compile)

(defconst weft-folder
  (expand-file-name "../.." (file-name-directory
                             (or load-file-name buffer-file-name)))
  "Where Weft is.")

(defconst weft-chunk "^<<\\(.*\\)>>=[ \t]*$"
  "The line that begins a chunk.")

(defun weft-in-code-p ()
  "Is point in a chunk?  Its last line that begins or ends one says so."
  (save-excursion
    (end-of-line)
    (and (re-search-backward "^\\(<<.*>>=[ \t]*$\\|@\\([ \t]\\|$\\)\\)" nil t)
         (looking-at-p "<<"))))

(defun weft-matcher (regexp code)
  "A function that finds REGEXP, in chunks if CODE, else in prose."
  (lambda (limit)
    (let (found)
      (while (and (setq found (re-search-forward regexp limit t))
                  (not (eq (and (save-match-data (weft-in-code-p)) t) code))))
      found)))

(defconst weft-keywords
  (regexp-opt '("break" "case" "char" "const" "continue" "default" "do" "else"
                "enum" "extern" "for" "goto" "if" "inline" "int" "long"
                "return" "short" "signed" "sizeof" "static" "struct" "switch"
                "typedef" "union" "unsigned" "void" "volatile" "while" "bool"
                "true" "false" "NULL") 'symbols)
  "Words of C.")

(defconst weft-font-lock
  `((,weft-chunk 0 font-lock-preprocessor-face t)
    ("^@\\([ \t]\\|$\\)" 0 font-lock-preprocessor-face t)
    ("^[ \t]*<<.*>>[ \t]*$" 0 font-lock-preprocessor-face t)
    (,(weft-matcher "/\\*\\(?:.\\|\n\\)*?\\*/" t)
     0 font-lock-comment-face t)
    (,(weft-matcher "\"\\(?:[^\"\\\n]\\|\\\\.\\)*\"" t)
     0 font-lock-string-face keep)
    (,(weft-matcher "^[ \t]*#[ \t]*[a-z]+" t)
     0 font-lock-preprocessor-face keep)
    (,(weft-matcher weft-keywords t) 0 font-lock-keyword-face keep)
    (,(weft-matcher "\\_<[a-z_]+_t\\_>" t) 0 font-lock-type-face keep)
    (,(weft-matcher "^#+ .*$" nil) 0 font-lock-function-name-face t)
    (,(weft-matcher "^:::.*$" nil) 0 font-lock-doc-face t)
    (,(weft-matcher "\\[\\[.*?\\]\\]+" nil) 0 font-lock-variable-name-face t)
    (,(weft-matcher "@\\(ch\\|sec\\|fig\\|tbl\\|ex\\):[a-z0-9-]+" nil)
     0 font-lock-constant-face t))
  "Colours of chapters.")

(defun weft-where ()
  "From a line of the book to its tangled file, or back."
  (interactive)
  (let* ((default-directory (file-name-as-directory weft-folder))
         (place (format "%s:%d" (file-relative-name buffer-file-name)
                        (line-number-at-pos)))
         (said (car (process-lines-ignore-status "tools/where" place))))
    (if (not (and said (string-match "\\`\\(book/.*\\|tangle/.*\\):\\([0-9]+\\)"
                                     said)))
        (message "%s" said)
      (let ((path (match-string 1 said))
            (line (string-to-number (match-string 2 said))))
        (find-file path)
        (goto-char (point-min))
        (forward-line (1- line))))))

(define-derived-mode weft-mode text-mode "Weft"
  "Chapters of Weft: prose in Markdown, chunks of C and assembler."
  (setq-local font-lock-defaults '(weft-font-lock t))
  (setq-local font-lock-multiline t)
  (setq-local fill-column 80 tab-width 8 indent-tabs-mode t)
  (setq-local compile-command
              (concat "make -C " (shell-quote-argument weft-folder)
                      " kernel"))
  (setq-local tags-file-name (expand-file-name "build/TAGS" weft-folder))
  (setq-local compilation-search-path (list weft-folder)))

(define-key weft-mode-map (kbd "C-c C-w") #'weft-where)
(add-to-list 'auto-mode-alist '("\\.nw\\'" . weft-mode))

(provide 'weft)
;;; weft.el ends here
