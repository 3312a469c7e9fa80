/**
 * A power cut: what was never synced is gone. A preloaded library keeps a second copy of the store that changes only by fsync
 * and fdatasync (a file's bytes by a sync of the file, a folder's names by a sync of the folder), which is the least that a
 * disk must keep; `rebuild` lays that copy out as a store.
 */

import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { emptyFolder } from '../../support/service-process.ts';

const SOURCE = `
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void keep_file(const char *path, const char *to) {
  char block[65536], draft[PATH_MAX];
  snprintf(draft, sizeof draft, "%s.%d.%lx", to, getpid(), (unsigned long)&block);
  int from = open(path, O_RDONLY), into = open(draft, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  ssize_t n;
  while (from >= 0 && (n = read(from, block, sizeof block)) > 0) if (write(into, block, n) != n) abort();
  if (from >= 0) close(from);
  close(into);
  rename(draft, to);
}

static void keep_folder(const char *path, const char *to) {
  char draft[PATH_MAX];
  snprintf(draft, sizeof draft, "%s.%d.%lx", to, getpid(), (unsigned long)&draft);
  FILE *into = fopen(draft, "w");
  DIR *folder = opendir(path);
  struct dirent *entry;
  while (folder && into && (entry = readdir(folder)))
    if (entry->d_name[0] != '.') fprintf(into, "%lu %d %s\\n", (unsigned long)entry->d_ino, entry->d_type == DT_DIR, entry->d_name);
  if (folder) closedir(folder);
  if (into) fclose(into);
  rename(draft, to);
}

static void keep(int fd) {
  const char *store = getenv("POWER_CUT_STORE"), *shadow = getenv("POWER_CUT_SHADOW");
  char link[64], path[PATH_MAX], to[PATH_MAX];
  struct stat about;
  if (!store || !shadow) return;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t n = readlink(link, path, sizeof path - 1);
  if (n <= 0 || fstat(fd, &about) != 0) return;
  path[n] = 0;
  if (strncmp(path, store, strlen(store)) != 0) return;
  snprintf(to, sizeof to, "%s/%lu", shadow, (unsigned long)about.st_ino);
  if (S_ISDIR(about.st_mode)) keep_folder(path, to); else keep_file(path, to);
}

int fsync(int fd) {
  int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
  int end = real(fd);
  if (end == 0) keep(fd);
  return end;
}

int fdatasync(int fd) {
  int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
  int end = real(fd);
  if (end == 0) keep(fd);
  return end;
}
`;

export class PowerCut {
  readonly store = emptyFolder('loupe-power-');
  private readonly shadow = emptyFolder('loupe-shadow-');
  private readonly library: string;

  constructor(gcc: string) {
    const folder = emptyFolder();
    const source = path.join(folder, 'power-cut.c');
    this.library = path.join(folder, 'power-cut.so');
    writeFileSync(source, SOURCE);
    execFileSync(gcc, ['-shared', '-fPIC', '-O1', '-o', this.library, source, '-ldl']);
  }

  /** For the service, which must write to `store`. */
  get env(): Record<string, string> {
    return { LD_PRELOAD: this.library, POWER_CUT_STORE: this.store, POWER_CUT_SHADOW: this.shadow };
  }

  /** @returns a folder with what the disk still has */
  rebuild(): string {
    const root = emptyFolder('loupe-after-cut-');
    this.lay(String(statSync(this.store).ino), root);
    return root;
  }

  private lay(inode: string, to: string): void {
    const listing = path.join(this.shadow, inode);
    if (!existsSync(listing)) return;
    for (const line of readFileSync(listing, 'utf8')
      .split('\n')
      .filter((text) => text !== '')) {
      const [child = '', isFolder, ...name] = line.split(' ');
      const target = path.join(to, name.join(' '));
      if (isFolder === '1') {
        mkdirSync(target);
        this.lay(child, target);
      } else if (existsSync(path.join(this.shadow, child))) {
        copyFileSync(path.join(this.shadow, child), target);
      } else {
        writeFileSync(target, '');
      }
    }
  }
}
