using RabbitMqBackup.Engine;
using RabbitMqBackup.Engine.Catalog;

namespace RabbitMqBackup.Cmdlets;

/// <summary>
/// The queues that somebody named, over all backups and segments that come down a pipeline. A name without wildcards that none of them has is an error at the end: an empty result would look as if the
/// queue had been empty.
/// </summary>
internal sealed class NamedQueues(IReadOnlyList<string> names)
{
    private readonly NameFilter _names = new(names);

    /// <summary>True when nothing was named, or this queue.</summary>
    internal bool Matches(string queue) => _names.Matches(queue);

    /// <summary>A queue that was empty has no segment, and is there all the same.</summary>
    internal void LookAt(BackupManifest manifest)
    {
        foreach (QueueEntry queue in manifest.Queues)
        {
            _names.Matches(queue.Name);
        }
    }

    /// <summary>Tells each name that nothing had.</summary>
    internal void TellMissed(Action<RabbitBackupException> tell)
    {
        foreach (string name in _names.Missed)
        {
            tell(new RabbitBackupException(ErrorCode.QueueNotFound, $"No backup or segment that came in has a queue '{name}'.")
            {
                Target = name,
                Hint = "The Queues property of a backup lists what it has.",
            });
        }
    }
}
