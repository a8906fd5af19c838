namespace RabbitMqBackup.Engine.Checkpoints;

/// <summary>How far a backup came: queues that are finished, segments of those that are not, the definitions. Entries are rows of the manifest in JSON.</summary>
internal sealed class BackupCheckpoint(CheckpointDatabase database)
{
    /// <summary>The job's kind.</summary>
    internal const string Kind = "backup";

    /// <summary>Where the copy lies below the backup's folder.</summary>
    internal const string StoreKey = "state/offsets.db";

    /// <summary>The queue is about to be read. Segments of an earlier attempt stay.</summary>
    internal void BeginQueue(string virtualHost, string name, byte[] entry) => PutQueue(virtualHost, name, isDone: false, entry);

    /// <summary>The queue has come to its end; its segments stand in its entry from now on.</summary>
    internal void FinishQueue(string virtualHost, string name, byte[] entry) => database.InTransaction(() =>
    {
        database.Execute("DELETE FROM segment WHERE vhost = $vhost AND name = $name", ("$vhost", virtualHost), ("$name", name));
        PutQueue(virtualHost, name, isDone: true, entry);
    });

    /// <summary>Entries of the queues that were begun, and whether they are finished.</summary>
    internal List<(byte[] Entry, bool IsDone)> Queues() => database.Query("SELECT entry, done FROM queue ORDER BY vhost, name", row => (row.Bytes(0), row.Whole(1) != 0));

    /// <summary>A segment is in the store.</summary>
    internal void AddSegment(string virtualHost, string name, SegmentCheckpoint segment) => database.Execute(
        "INSERT INTO segment VALUES ($vhost, $name, $number, $records, $fingerprint, $entry)",
        ("$vhost", virtualHost), ("$name", name), ("$number", segment.Number), ("$records", segment.Records), ("$fingerprint", segment.Fingerprint), ("$entry", segment.Entry));

    /// <summary>Committed segments of a queue that is not finished, oldest first.</summary>
    internal List<SegmentCheckpoint> Segments(string virtualHost, string name) => database.Query(
        "SELECT number, records, fingerprint, entry FROM segment WHERE vhost = $vhost AND name = $name ORDER BY number",
        row => new SegmentCheckpoint(row.Whole(0), row.Whole(1), row.Whole(2), row.Bytes(3)),
        ("$vhost", virtualHost), ("$name", name));

    /// <summary>Forgets the segments of a queue from a number on: what is in the queue now differs from them.</summary>
    internal void DropSegments(string virtualHost, string name, long fromNumber) => database.Execute(
        "DELETE FROM segment WHERE vhost = $vhost AND name = $name AND number >= $number", ("$vhost", virtualHost), ("$name", name), ("$number", fromNumber));

    /// <summary>The definitions are in the store.</summary>
    internal void SetDefinitions(byte[] entry) => database.InTransaction(() =>
    {
        database.Execute("DELETE FROM definitions");
        database.Execute("INSERT INTO definitions VALUES ($entry)", ("$entry", entry));
    });

    /// <summary>The definitions' entry, or null.</summary>
    internal byte[]? Definitions() => database.Query("SELECT entry FROM definitions", row => row.Bytes(0)).FirstOrDefault();

    /// <summary>A policy that the run is about to set on the broker.</summary>
    internal void AddPolicy(string virtualHost, string name, string definition) => database.Execute(
        "INSERT INTO policy VALUES ($vhost, $name, $definition) ON CONFLICT (vhost, name) DO UPDATE SET definition = excluded.definition",
        ("$vhost", virtualHost), ("$name", name), ("$definition", definition));

    /// <summary>It is gone from the broker again.</summary>
    internal void RemovePolicy(string virtualHost, string name) => database.Execute("DELETE FROM policy WHERE vhost = $vhost AND name = $name", ("$vhost", virtualHost), ("$name", name));

    /// <summary>Policies that are, or may be, set.</summary>
    internal List<(string VirtualHost, string Name, string Definition)> Policies() =>
        database.Query("SELECT vhost, name, definition FROM policy ORDER BY vhost, name", row => (row.Text(0), row.Text(1), row.Text(2)));

    private void PutQueue(string virtualHost, string name, bool isDone, byte[] entry) => database.Execute(
        "INSERT INTO queue VALUES ($vhost, $name, $done, $entry) ON CONFLICT (vhost, name) DO UPDATE SET done = excluded.done, entry = excluded.entry",
        ("$vhost", virtualHost), ("$name", name), ("$done", isDone ? 1 : 0), ("$entry", entry));
}
