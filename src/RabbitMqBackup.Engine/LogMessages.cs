namespace RabbitMqBackup.Engine;

/// <summary>Every line that the engine logs. None holds a secret: URIs come without user info.</summary>
internal static class LogMessages
{
    internal static void QueueCaptured(this IEngineLog log, string queue, long messages, long depth, string readBy, string releasedBy) => log.Write(
        LogLevel.Information,
        $"Queue {queue}: {messages} of {depth} message(s), read by {readBy}{(releasedBy.Length > 0 ? $", given back by {releasedBy}" : "")}.");

    internal static void NodesNotWatched(this IEngineLog log, string reason) => log.Write(
        LogLevel.Warning, $"The backup can't see memory and disk alarms of the broker, so they will not stop it: {reason}");

    internal static void HoldTimeTooShort(this IEngineLog log, string queue, TimeSpan estimate, TimeSpan limit) => log.Write(
        LogLevel.Warning,
        $"Queue {queue}: reading it will take some {estimate.TotalSeconds:0} s, and its messages may be held for {limit.TotalSeconds:0} s. What is not reached in that time goes back unread and is a gap in the backup.");

    internal static void QueueNoted(this IEngineLog log, string queue, string note) => log.Write(LogLevel.Warning, $"Queue {queue}: {note}");

    internal static void NotCaptured(this IEngineLog log, string what) => log.Write(LogLevel.Warning, what);

    internal static void PublishersBlocked(this IEngineLog log, string queue, string? reason) => log.Write(
        reason is null ? LogLevel.Information : LogLevel.Warning,
        reason is null ? $"The broker takes messages again; restoring '{queue}' goes on." : $"The broker holds publishers back ({reason}); restoring '{queue}' waits.");

    internal static void RestoreReconnects(this IEngineLog log, string queue, string reason, int unconfirmed) => log.Write(
        LogLevel.Warning, $"Restoring '{queue}' was interrupted ({reason}) and tries again; {unconfirmed} message(s) may be there already and will be sent once more.");

    internal static void RestoreNotClaimed(this IEngineLog log, string queue, string reason) => log.Write(
        LogLevel.Information, $"Restoring '{queue}': a backup that begins now sees it only some seconds later, since the queue that would tell it at once could not be declared ({reason}).");

    internal static void ReadingWithoutLease(this IEngineLog log, string backupId, string reason) =>
        log.Write(LogLevel.Warning, $"The backup '{backupId}' is read without a lease, since the store can't be written to: should somebody remove it meanwhile, the reading fails. ({reason})");

    internal static void BackupRemoved(this IEngineLog log, string backupId, int objects) =>
        log.Write(LogLevel.Information, $"Removed the backup '{backupId}', {objects} object(s).");

    internal static void BackupCopied(this IEngineLog log, string backupId, string target, int segments, int byStore, int found) => log.Write(
        LogLevel.Information,
        $"Copied the backup '{backupId}' with {segments} segment(s) to {target}; {byStore} object(s) were copied by the store itself, {found} were there already.");

    internal static void LeaseBroken(this IEngineLog log, string backupId, string holder) =>
        log.Write(LogLevel.Warning, $"Took away a stale lease on the backup '{backupId}' ({holder}).");

    internal static void LeaseNotRenewed(this IEngineLog log, string backupId, string reason) =>
        log.Write(LogLevel.Information, $"The lease on the backup '{backupId}' could not be renewed: {reason}");

    internal static void LeaseNotReleased(this IEngineLog log, string backupId, string reason) =>
        log.Write(LogLevel.Information, $"The lease on the backup '{backupId}' could not be given back, and will count as stale: {reason}");

    internal static void CheckpointTrouble(this IEngineLog log, string reason) => log.Write(
        LogLevel.Warning,
        $"{reason} The run goes on, but may not be resumable.");

    internal static void OrphanLeft(this IEngineLog log, string key, string reason) => log.Write(LogLevel.Warning, $"'{key}' of an earlier attempt stays in the store: {reason}");

    internal static void ReadRepeated(this IEngineLog log, string queue, int attempt, string reason) => log.Write(
        LogLevel.Warning,
        $"Attempt {attempt} to read {queue} failed and is repeated: {reason}");

    internal static void RestoreWithoutJournal(this IEngineLog log, string reason) => log.Write(LogLevel.Warning, $"This restore can't be resumed if it is cut: {reason}");

    internal static void RestoreWithoutRecord(this IEngineLog log, string reason) => log.Write(LogLevel.Warning, $"This restore can't be undone by Undo-RabbitRestore: {reason}");

    internal static void DefinitionsLeftOut(this IEngineLog log, string user) => log.Write(
        LogLevel.Warning, $"Definitions are not restored: user '{user}' lacks the tag 'administrator'. Queues are declared all the same; -SkipDefinitions says that this is meant.");

    internal static string DefinitionsSent(long done, long total) => $"Imported {done} of {total} definitions.";

    internal static string DefinitionsRetried(int attempt, string reason) => $"Attempt {attempt} to import definitions failed and is repeated: {reason}";

    /// <summary>The log of a caller that gave none.</summary>
    internal sealed class Silent : IEngineLog
    {
        internal static readonly Silent Instance = new();

        public void Write(LogLevel level, string message)
        {
        }
    }
}
