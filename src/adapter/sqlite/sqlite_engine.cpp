#include "adapter/sqlite/sqlite_engine.hpp"

#include <sys/stat.h>

#include <map>
#include <mutex>
#include <utility>

#include "adapter/sqlite/shared_store.hpp"

namespace haven::adapter {
namespace {

// The files that this process has open, by what they are rather than by what they are called.
using FileId = std::pair<dev_t, ino_t>;
struct OpenFiles {
  std::mutex mutex;
  std::map<FileId, std::weak_ptr<SharedStore>> stores;
};
OpenFiles& open_files() {
  static OpenFiles files;
  return files;
}

class SqliteEngine final : public port::Engine {
 public:
  SqliteEngine(std::shared_ptr<SharedStore> store, port::EngineSink sink)
      : store_(std::move(store)), client_(std::make_shared<SharedStore::Client>(std::move(sink))) {
    store_->attach(client_);
  }
  SqliteEngine(const SqliteEngine&) = delete;
  SqliteEngine& operator=(const SqliteEngine&) = delete;
  ~SqliteEngine() override {
    store_->detach(client_);
    // Held while the last handle closes the file: an open at the same moment waits instead of finding it locked.
    const std::lock_guard lock(open_files().mutex);
    store_.reset();
  }

  void watch(const std::string& prefix) override { store_->watch(client_, prefix); }
  void commit(CallId call, port::Transaction transaction, Duration timeout) override {
    store_->commit(client_, call, std::move(transaction), timeout);
  }
  void grant_lease(CallId call, Duration ttl, Duration timeout) override { store_->grant(client_, call, ttl, timeout); }
  void keep_alive(CallId call, port::LeaseId lease, Duration timeout) override {
    store_->keep_alive(client_, call, lease, timeout);
  }
  void revoke_lease(CallId call, port::LeaseId lease, Duration timeout) override {
    store_->revoke(client_, call, lease, timeout);
  }
  void read(CallId call, const std::string& key, Duration timeout) override {
    store_->read(client_, call, key, timeout);
  }
  void ask_voters(CallId call, Duration timeout) override { store_->ask_voters(client_, call, timeout); }

 private:
  std::shared_ptr<SharedStore> store_;
  std::shared_ptr<SharedStore::Client> client_;
};

}  // namespace

tl::expected<std::unique_ptr<port::Engine>, std::string> open_sqlite_engine(const std::string& path,
                                                                            port::EngineSink sink) {
  const std::lock_guard lock(open_files().mutex);
  auto& stores = open_files().stores;
  std::erase_if(stores, [](const auto& entry) { return entry.second.expired(); });
  struct stat file {};
  std::shared_ptr<SharedStore> store;
  if (::stat(path.c_str(), &file) == 0) {
    const auto found = stores.find({file.st_dev, file.st_ino});
    if (found != stores.end()) store = found->second.lock();
  }
  if (!store) {
    auto opened = SharedStore::open(path);
    if (!opened) return tl::unexpected(opened.error());
    store = std::move(*opened);
    if (::stat(path.c_str(), &file) == 0) stores[{file.st_dev, file.st_ino}] = store;
  }
  return std::make_unique<SqliteEngine>(std::move(store), std::move(sink));
}

}  // namespace haven::adapter
