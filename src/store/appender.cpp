#include "store/appender.hpp"

namespace pabal::store {

Appender::Appender(Segments& segments, Flushed flushed)
    : segments_(&segments), flushed_(std::move(flushed)), thread_([this] { work(); }) {}

void Appender::stop() {
  if (!thread_.joinable()) return;
  queue_.lock()->stopping = true;
  wake_.notify_all();
  thread_.join();
}

void Appender::submit(std::unique_ptr<AppendJob> job) {
  queue_.lock()->waiting.push_back(std::move(job));
  wake_.notify_one();
}

void Appender::rows_done() {
  queue_.lock()->with_writer -= 1;
  wake_.notify_one();
}

void Appender::work() {
  std::vector<Append*> records;
  while (true) {
    AppendGroup group;
    {
      auto queue = queue_.lock();
      wake_.wait(queue.unique_lock(), [&] {
        return (!queue->waiting.empty() && queue->with_writer <= most_with_writer) ||
               (queue->stopping && queue->waiting.empty());
      });
      if (queue->waiting.empty()) return;
      std::uint64_t octets = 0;
      std::size_t count = 0;
      const bool in_background = queue->waiting.front()->in_background;
      while (count < queue->waiting.size() && count < most_jobs && octets < most_octets &&
             queue->waiting[count]->in_background == in_background) {
        for (const auto& record : queue->waiting[count]->records) octets += record.octets.size();
        ++count;
      }
      if (count == queue->waiting.size()) {
        group.swap(queue->waiting);
      } else {
        const auto end = queue->waiting.begin() + static_cast<std::ptrdiff_t>(count);
        group.assign(std::move_iterator(queue->waiting.begin()), std::move_iterator(end));
        queue->waiting.erase(queue->waiting.begin(), end);
      }
      queue->with_writer += 1;
    }
    auto written = run_caught("an append", [&] {
      records.clear();
      for (const auto& job : group) {
        for (auto& record : job->records) records.push_back(&record);
      }
      return segments_->append(records);
    });
    flushed_(std::move(group), std::move(written));
  }
}

}  // namespace pabal::store
