// The path from a host to its storage, which can be lost: haven-lab-path FOLDER MOUNTPOINT shows the folder's files at
// the mount point, past the page cache. SIGUSR1: everything hangs, as behind a switch that lost its power. SIGUSR2:
// everything fails with EIO. SIGHUP: the path is whole again, and what hung goes on.
// Serves in the foreground; says "ready" on its standard output once the mount stands.
#define FUSE_USE_VERSION 35
#include <dirent.h>
#include <fcntl.h>
#include <fuse.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <cstring>
#include <iostream>
#include <mutex>
#include <string>
#include <thread>

namespace {

enum class Path { whole, hangs, fails };

class Cable {
 public:
  void set(Path path) {
    const std::lock_guard lock(mutex_);
    path_ = path;
    changed_.notify_all();
  }
  // Waits while the path hangs. False: it fails.
  bool pass() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return path_ != Path::hangs; });
    return path_ == Path::whole;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  Path path_ = Path::whole;
};

Cable cable;
std::string folder;

std::string place(const char* path) { return folder + path; }
int answer(long result) { return result < 0 ? -errno : static_cast<int>(result); }

// Every operation: wait for the path, then do it.
template <class Do>
int through(Do operation) {
  return cable.pass() ? operation() : -EIO;
}

int get_attributes(const char* path, struct stat* found, fuse_file_info*) {
  return through([&] { return answer(::lstat(place(path).c_str(), found)); });
}
int open_file(const char* path, fuse_file_info* file) {
  return through([&] {
    // The buffers here are not aligned for direct I/O. Written through at once instead: what is answered is written.
    const int fd = ::open(place(path).c_str(), (file->flags & ~O_DIRECT) | O_DSYNC | O_CLOEXEC);
    if (fd < 0) return -errno;
    file->fh = static_cast<std::uint64_t>(fd);
    file->direct_io = 1;
    return 0;
  });
}
int read_file(const char*, char* to, std::size_t size, off_t at, fuse_file_info* file) {
  return through([&] { return answer(::pread(static_cast<int>(file->fh), to, size, at)); });
}
int write_file(const char*, const char* from, std::size_t size, off_t at, fuse_file_info* file) {
  return through([&] { return answer(::pwrite(static_cast<int>(file->fh), from, size, at)); });
}
int sync_file(const char*, int only_data, fuse_file_info* file) {
  const int fd = static_cast<int>(file->fh);
  return through([&] { return answer(only_data != 0 ? ::fdatasync(fd) : ::fsync(fd)); });
}
int release_file(const char*, fuse_file_info* file) {
  ::close(static_cast<int>(file->fh));
  return 0;
}
int list_folder(const char* path, void* buffer, fuse_fill_dir_t fill, off_t, fuse_file_info*, fuse_readdir_flags) {
  return through([&] {
    DIR* opened = ::opendir(place(path).c_str());
    if (opened == nullptr) return -errno;
    while (const dirent* entry = ::readdir(opened)) fill(buffer, entry->d_name, nullptr, 0, fuse_fill_dir_flags{});
    ::closedir(opened);
    return 0;
  });
}
int file_system_facts(const char* path, struct statvfs* found) {
  return through([&] { return answer(::statvfs(place(path).c_str(), found)); });
}
void* begin(fuse_conn_info*, fuse_config* config) {
  // Nothing is kept: whoever asks, asks the path.
  config->entry_timeout = config->attr_timeout = config->negative_timeout = 0;
  std::cout << "ready\n" << std::flush;
  return nullptr;
}

void obey(const sigset_t& orders) {
  for (;;) {
    int order = 0;
    if (::sigwait(&orders, &order) != 0) continue;
    cable.set(order == SIGUSR1 ? Path::hangs : order == SIGUSR2 ? Path::fails : Path::whole);
  }
}

fuse_operations operations() {
  fuse_operations all{};
  all.init = begin;
  all.getattr = get_attributes;
  all.open = open_file;
  all.read = read_file;
  all.write = write_file;
  all.fsync = sync_file;
  all.release = release_file;
  all.readdir = list_folder;
  all.statfs = file_system_facts;
  return all;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: haven-lab-path FOLDER MOUNTPOINT\n";
    return 2;
  }
  folder = argv[1];
  sigset_t orders;
  ::sigemptyset(&orders);
  for (const int order : {SIGUSR1, SIGUSR2, SIGHUP}) ::sigaddset(&orders, order);
  ::pthread_sigmask(SIG_BLOCK, &orders, nullptr);  // before any thread is made: all of them inherit it
  std::thread(obey, orders).detach();
  const fuse_operations all = operations();
  std::string options = "allow_other,default_permissions,max_threads=16,fsname=haven-lab-path";
  std::string words[] = {argv[0], "-f", "-o", options, argv[2]};
  char* fuse_words[] = {words[0].data(), words[1].data(), words[2].data(), words[3].data(), words[4].data(), nullptr};
  return fuse_main(5, fuse_words, &all, nullptr);
}
