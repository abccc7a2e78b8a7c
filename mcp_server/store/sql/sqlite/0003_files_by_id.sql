-- An indexed file is found by its id in whichever store it stands; what was asked per store finds it here too.

DROP INDEX index_files_by_file;
CREATE INDEX index_files_by_file ON index_files (owner, backend, file_id, store);
