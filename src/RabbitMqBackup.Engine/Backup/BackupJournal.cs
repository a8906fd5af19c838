using System.Collections.Concurrent;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Checkpoints;
using RabbitMqBackup.Engine.Storage;

namespace RabbitMqBackup.Engine.Backup;

/// <summary>
/// What a run has done so far, so that another can go on: kept in the checkpoint, and in memory. Without a checkpoint (its disk is full, the platform has no SQLite) the run goes on and can only be begun anew; that is told once.
/// </summary>
internal sealed class BackupJournal : IAsyncDisposable
{
    private readonly object _gate = new();
    private readonly ConcurrentDictionary<string, long> _objects = new(StringComparer.Ordinal);
    private readonly Dictionary<(string, string), QueueEntry> _finished = [];
    private readonly Dictionary<(string, string), QueueEntry> _begun = [];
    private readonly Dictionary<(string, string), List<StoredSegment>> _segments = [];
    private readonly Action<RabbitBackupException> _onTrouble;
    private CheckpointDatabase? _database;
    private BackupCheckpoint? _checkpoint;
    private CheckpointSync? _sync;

    internal BackupJournal(CheckpointDatabase database, CheckpointJob job, CheckpointSync? sync, IReadOnlyDictionary<string, long> objects, Action<RabbitBackupException> onTrouble)
    {
        (_database, _sync, _onTrouble) = (database, sync, onTrouble);
        _checkpoint = new BackupCheckpoint(database);
        (CreatedAt, Seed) = (job.CreatedAt, job.Seed);
        foreach ((string key, long length) in objects)
        {
            _objects[key] = length;
        }
    }

    /// <summary>When the first run of this backup began.</summary>
    internal DateTimeOffset CreatedAt { get; }

    /// <summary>Where the chains of fingerprints begin.</summary>
    internal long Seed { get; }

    /// <summary>The definitions of an earlier run.</summary>
    internal DefinitionsEntry? Definitions { get; private set; }

    /// <summary>Queues that an earlier run finished.</summary>
    internal IReadOnlyCollection<QueueEntry> Finished => _finished.Values;

    /// <summary>Queues that an earlier run began and did not finish.</summary>
    internal IReadOnlyCollection<QueueEntry> Begun => _begun.Values;

    /// <summary>Takes over what earlier runs left in the checkpoint. What the store does not have as it is told is not believed.</summary>
    /// <exception cref="RabbitBackupException"><see cref="ErrorCode.CheckpointDamaged"/>.</exception>
    internal void Load()
    {
        string file = _database!.File;
        Definitions = _checkpoint!.Definitions() is { } definitions && ManifestRows.ReadDefinitions(definitions, file) is { } entry && IsThere(entry.Key, entry.StoredBytes) ? entry : null;
        foreach ((byte[] row, bool done) in _checkpoint.Queues())
        {
            QueueEntry queue = ManifestRows.ReadQueue(row, file);
            bool whole = done && queue.Segments.All(segment => IsThere(segment.Key, segment.StoredBytes));
            (whole ? _finished : _begun)[(queue.VirtualHost, queue.Name)] = queue;
            List<StoredSegment> segments = [];
            foreach (SegmentCheckpoint stored in _checkpoint.Segments(queue.VirtualHost, queue.Name))
            {
                SegmentEntry segment = ManifestRows.ReadSegment(stored.Entry, file);
                if (segment.Records != stored.Records || segment.Records < 1 || !IsThere(segment.Key, segment.StoredBytes))
                {
                    break;
                }

                segments.Add(new StoredSegment(stored.Number, stored.Fingerprint, segment));
            }

            _segments[(queue.VirtualHost, queue.Name)] = segments;
        }
    }

    /// <summary>The entry of a queue that an earlier run finished, or null.</summary>
    internal QueueEntry? FinishedEntry(string virtualHost, string name) => _finished.GetValueOrDefault((virtualHost, name));

    /// <summary>One queue's part.</summary>
    internal QueueJournal Of(string virtualHost, string name) => new(this, virtualHost, name);

    /// <summary>A key below the backup's folder that an object has, or had when the run began.</summary>
    internal bool IsTaken(string key) => _objects.ContainsKey(key);

    /// <summary>Objects that are in the backup's folder, in <c>queues/</c> or <c>definitions/</c>, and not in the manifest.</summary>
    internal IEnumerable<string> Unreferenced(BackupManifest manifest)
    {
        HashSet<string> used = [.. manifest.Queues.SelectMany(queue => queue.Segments).Select(segment => segment.Key)];
        if (manifest.Definitions is { } definitions)
        {
            used.Add(definitions.Key);
        }

        return _objects.Keys.Where(key => (key.StartsWith("queues/", StringComparison.Ordinal) || key.StartsWith("definitions/", StringComparison.Ordinal)) && !used.Contains(key));
    }

    internal IReadOnlyList<StoredSegment> Segments(string virtualHost, string name)
    {
        lock (_gate)
        {
            return _segments.TryGetValue((virtualHost, name), out List<StoredSegment>? segments) ? [.. segments] : [];
        }
    }

    /// <summary>A queue is about to be read: should it be gone when the run is resumed, this is what is known of it.</summary>
    internal void Begin(QueueEntry queue) => Note(checkpoint => checkpoint.BeginQueue(queue.VirtualHost, queue.Name, ManifestRows.Write(queue)));

    internal void AddSegment(string virtualHost, string name, StoredSegment segment)
    {
        lock (_gate)
        {
            if (!_segments.TryGetValue((virtualHost, name), out List<StoredSegment>? segments))
            {
                _segments[(virtualHost, name)] = segments = [];
            }

            segments.Add(segment);
        }

        _objects[segment.Entry.Key] = segment.Entry.StoredBytes;
        Note(checkpoint => checkpoint.AddSegment(
            virtualHost, name, new SegmentCheckpoint(segment.Number, segment.Entry.Records, segment.Fingerprint, ManifestRows.Write(segment.Entry))));
        _sync?.Soon();
    }

    internal void DropSegments(string virtualHost, string name, long fromNumber)
    {
        lock (_gate)
        {
            _segments[(virtualHost, name)].RemoveAll(segment => segment.Number >= fromNumber);
        }

        Note(checkpoint => checkpoint.DropSegments(virtualHost, name, fromNumber));
    }

    /// <summary>A queue has come to its end.</summary>
    internal void Finish(QueueEntry queue)
    {
        // What was skipped, failed or is not whole is worth another attempt when the run is resumed; its segments stay for that.
        if (queue.Outcome == QueueOutcome.Captured)
        {
            Note(checkpoint => checkpoint.FinishQueue(queue.VirtualHost, queue.Name, ManifestRows.Write(queue)));
        }
    }

    /// <summary>The definitions are stored.</summary>
    internal void SetDefinitions(DefinitionsEntry entry)
    {
        _objects[entry.Key] = entry.StoredBytes;
        Note(checkpoint => checkpoint.SetDefinitions(ManifestRows.Write(entry)));
    }

    /// <summary>The run ends without a manifest: the copy in the store is brought up to date, within the token's time.</summary>
    internal async Task LeaveAsync(CancellationToken cancellationToken)
    {
        if (_sync is { } sync)
        {
            await ((Task)sync.FinishAsync(cancellationToken)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>The manifest is committed: the checkpoint has done its work, here and in the store.</summary>
    internal async Task CompleteAsync(IObjectStore store, string backupId, CancellationToken cancellationToken)
    {
        string? file = _database?.File;
        bool copied = _sync is not null;
        await DisposeAsync().ConfigureAwait(false);
        if (file is not null)
        {
            CheckpointFolder.Delete(file);
        }

        try
        {
            if (copied || IsTaken(BackupCheckpoint.StoreKey))
            {
                await store.DeleteAsync(ObjectPath.Parse($"{backupId}/{BackupCheckpoint.StoreKey}"), null, cancellationToken).ConfigureAwait(false);
            }
        }
        catch (RabbitBackupException exception)
        {
            _onTrouble(exception);
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_sync is { } sync)
        {
            _sync = null;
            await sync.DisposeAsync().ConfigureAwait(false);
        }

        CheckpointDatabase? database = Interlocked.Exchange(ref _database, null);
        _checkpoint = null;
        database?.Dispose();
    }

    private bool IsThere(string key, long length) => _objects.TryGetValue(key, out long stored) && stored == length;

    private void Note(Action<BackupCheckpoint> write)
    {
        if (_checkpoint is not { } checkpoint)
        {
            return;
        }

        try
        {
            write(checkpoint);
        }
        catch (RabbitBackupException exception) when (exception.Code is ErrorCode.CheckpointUnavailable or ErrorCode.CheckpointDamaged)
        {
            // The messages matter more than the chance to resume.
            if (Interlocked.Exchange(ref _checkpoint, null) is not null)
            {
                _onTrouble(exception);
            }
        }
    }
}
