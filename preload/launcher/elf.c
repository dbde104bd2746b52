/* SPDX-License-Identifier: MIT */
#include "elf.h"
#include <elf.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define HEADERS_MAX 64
#define NOTES_MAX   4096 /* bytes of one header's notes that are looked at */
#define DYNAMIC_MAX 512  /* entries */
#define NEEDED_MAX  64

#define GO_BUILD_ID 4 /* type of a note by "Go" */

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define OWN_ORDER ELFDATA2LSB
#else
#define OWN_ORDER ELFDATA2MSB
#endif

/* Members of either class, as wide as the wider one has them. */
struct header {
    uint32_t type;
    uint64_t at, address, size;
};

struct file {
    int fd;
    bool wide; /* of 64 bits */
    struct header header[HEADERS_MAX];
    unsigned n;
};

static bool read_at(int fd, void *to, size_t size, uint64_t at)
{
    return at <= INT64_MAX && pread(fd, to, size, (off_t)at) == (ssize_t)size;
}

/* The text at a place, which need not end within the file. */
static void read_text(int fd, uint64_t at, char *ret, size_t size)
{
    ssize_t n = at <= INT64_MAX ? pread(fd, ret, size - 1, (off_t)at) : -1;

    ret[n > 0 ? n : 0] = '\0';
}

static bool read_header(struct file *f, uint64_t at)
{
    struct header *h = &f->header[f->n];
    Elf64_Phdr wide;
    Elf32_Phdr narrow;

    if (f->wide) {
        if (!read_at(f->fd, &wide, sizeof(wide), at))
            return false;
        *h = (struct header){wide.p_type, wide.p_offset, wide.p_vaddr, wide.p_filesz};
    } else {
        if (!read_at(f->fd, &narrow, sizeof(narrow), at))
            return false;
        *h = (struct header){narrow.p_type, narrow.p_offset, narrow.p_vaddr, narrow.p_filesz};
    }
    f->n++;
    return true;
}

static void read_headers(struct file *f, uint64_t at, unsigned size, unsigned n)
{
    f->n = 0;
    while (f->n < HEADERS_MAX && f->n < n && read_header(f, at))
        at += size;
}

static const struct header *find_header(const struct file *f, uint32_t type)
{
    for (unsigned i = 0; i < f->n; i++) {
        if (f->header[i].type == type)
            return &f->header[i];
    }
    return NULL;
}

/* The linker puts the notes of several objects behind one another. */
static bool has_go_note(const struct file *f, const struct header *h)
{
    unsigned char notes[NOTES_MAX];
    size_t size = h->size < sizeof(notes) ? (size_t)h->size : sizeof(notes), at = 0;
    Elf64_Nhdr note; /* the same in both classes */

    if (!read_at(f->fd, notes, size, h->at))
        return false;
    while (size - at >= sizeof(note) + 4) {
        size_t rest = size - at - sizeof(note), body;

        memcpy(&note, notes + at, sizeof(note));
        if (note.n_type == GO_BUILD_ID && note.n_namesz == 4 &&
            memcmp(notes + at + sizeof(note), "Go\0", 4) == 0)
            return true;
        if (note.n_namesz > rest || note.n_descsz > rest)
            return false;
        body = ((size_t)note.n_namesz + 3) / 4 * 4 + ((size_t)note.n_descsz + 3) / 4 * 4;
        if (body > rest)
            return false;
        at += sizeof(note) + body;
    }
    return false;
}

/* Where in the file an address of the program lies; UINT64_MAX: nowhere. */
static uint64_t place_of(const struct file *f, uint64_t address)
{
    for (unsigned i = 0; i < f->n; i++) {
        const struct header *h = &f->header[i];

        if (h->type == PT_LOAD && address >= h->address && address - h->address < h->size)
            return h->at + (address - h->address);
    }
    return UINT64_MAX;
}

static bool read_entry(const struct file *f, uint64_t at, int64_t *tag, uint64_t *value)
{
    Elf64_Dyn wide;
    Elf32_Dyn narrow;

    if (f->wide) {
        if (!read_at(f->fd, &wide, sizeof(wide), at))
            return false;
        *tag = wide.d_tag;
        *value = wide.d_un.d_val;
    } else {
        if (!read_at(f->fd, &narrow, sizeof(narrow), at))
            return false;
        *tag = narrow.d_tag;
        *value = narrow.d_un.d_val;
    }
    return *tag != DT_NULL;
}

/* Is there a library whose name begins so among those that the program needs? */
static bool needs(const struct file *f, const char *library)
{
    const struct header *h = find_header(f, PT_DYNAMIC);
    uint64_t step = f->wide ? sizeof(Elf64_Dyn) : sizeof(Elf32_Dyn), names[NEEDED_MAX];
    uint64_t strings = UINT64_MAX, value;
    unsigned n = 0;
    char name[64];
    int64_t tag;

    for (uint64_t i = 0; h && i < DYNAMIC_MAX && i * step < h->size; i++) {
        if (!read_entry(f, h->at + i * step, &tag, &value))
            break;
        if (tag == DT_NEEDED && n < NEEDED_MAX)
            names[n++] = value;
        if (tag == DT_STRTAB)
            strings = place_of(f, value);
    }
    for (unsigned i = 0; i < n && strings != UINT64_MAX; i++) {
        read_text(f->fd, strings + names[i], name, sizeof(name));
        if (strncmp(name, library, strlen(library)) == 0)
            return true;
    }
    return false;
}

/* Of this very program, so that no list of processors is needed. */
static unsigned own_machine(bool wide)
{
#if defined(__x86_64__) || defined(__i386__)
    return wide ? EM_X86_64 : EM_386;
#elif defined(__aarch64__) || defined(__arm__)
    return wide ? EM_AARCH64 : EM_ARM;
#else
    (void)wide;
    return EM_NONE; /* not known: none is foreign */
#endif
}

bool mps_elf_read(int fd, struct mps_elf *ret)
{
    struct file f = {.fd = fd};
    const struct header *h;
    unsigned machine;
    union {
        unsigned char ident[EI_NIDENT];
        Elf32_Ehdr narrow;
        Elf64_Ehdr wide;
    } u;

    memset(ret, 0, sizeof(*ret));
    memset(&u, 0, sizeof(u));
    if (!read_at(fd, &u.narrow, sizeof(u.narrow), 0) || memcmp(u.ident, ELFMAG, SELFMAG) != 0)
        return false;
    f.wide = u.ident[EI_CLASS] == ELFCLASS64;
    if (f.wide && !read_at(fd, &u.wide, sizeof(u.wide), 0))
        return false;
    ret->bits = f.wide ? 64 : 32;
    machine = u.narrow.e_machine; /* at the same place in both */
    ret->foreign = u.ident[EI_DATA] != OWN_ORDER ||
                   (own_machine(f.wide) != EM_NONE && machine != own_machine(f.wide));
    if (u.ident[EI_DATA] != OWN_ORDER)
        return true;
    if (f.wide)
        read_headers(&f, u.wide.e_phoff, u.wide.e_phentsize, u.wide.e_phnum);
    else
        read_headers(&f, u.narrow.e_phoff, u.narrow.e_phentsize, u.narrow.e_phnum);
    h = find_header(&f, PT_INTERP);
    if (h)
        read_text(fd, h->at, ret->interpreter, sizeof(ret->interpreter));
    for (unsigned i = 0; i < f.n && !ret->go; i++)
        ret->go = f.header[i].type == PT_NOTE && has_go_note(&f, &f.header[i]);
    ret->uring = needs(&f, "liburing");
    return true;
}
