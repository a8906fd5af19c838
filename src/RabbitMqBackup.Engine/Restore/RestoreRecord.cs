using System.Text.Json;
using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Checkpoints;
using RabbitMqBackup.Engine.Definitions;

namespace RabbitMqBackup.Engine.Restore;

/// <summary>
/// What a restore creates, written down before it creates anything, so that it can be taken back, also after a kill: virtual hosts and queues that were missing, definitions, and the target's
/// definitions before. One JSON file per restore beside the checkpoints, readable by its owner only, since definitions hold password hashes.
/// </summary>
internal sealed record RestoreRecord
{
    /// <summary>The restore's id.</summary>
    public required string RestoreId { get; init; }

    /// <summary>The backup.</summary>
    public required string BackupId { get; init; }

    /// <summary>The target's URI without secrets.</summary>
    public required string Target { get; init; }

    /// <summary>The target's cluster name: it is only taken back there.</summary>
    public required string Cluster { get; init; }

    /// <summary>When it began.</summary>
    public required DateTimeOffset StartedAt { get; init; }

    /// <summary>Virtual hosts that were missing.</summary>
    public IReadOnlyList<string> VirtualHosts { get; init; } = [];

    /// <summary>Queues that were missing, each with the messages that were to go into it.</summary>
    public IReadOnlyList<RestoreRecordQueue> Queues { get; init; } = [];

    /// <summary>The target's definitions before, as it exports them, for people; null where <see cref="Import"/> holds them, or the user may not see them.</summary>
    public string? Snapshot { get; init; }

    /// <summary>The import of definitions, with the snapshot of before; null where the user may not see definitions.</summary>
    public string? Import { get; init; }

    /// <summary>There is nothing to take back.</summary>
    internal bool IsEmpty => VirtualHosts.Count + Queues.Count == 0 && Import is null;

    /// <summary>The record of a plan; null where there is nothing to create, and so nothing to take back.</summary>
    internal static RestoreRecord? Of(RestorePlan plan, string id, DateTimeOffset now)
    {
        List<RestorePlanQueue> rows = [.. plan.Queues.Where(row => row.Conflicts.Count == 0 && !row.IsSkipped)];
        RestoreRecord record = new()
        {
            RestoreId = id,
            BackupId = string.Join(", ", plan.Queues.Select(queue => queue.Source.BackupId).Distinct()),
            Target = plan.Target,
            Cluster = plan.Cluster,
            StartedAt = now,
            VirtualHosts = [.. rows.Where(row => row.CreatesVirtualHost).Select(row => row.TargetVirtualHost).Distinct()],
            Queues =
            [
                .. rows.Where(row => row.Declares).Select(row => new RestoreRecordQueue(
                    row.TargetVirtualHost, row.TargetQueue, rows.Where(other => other.TargetVirtualHost == row.TargetVirtualHost && other.TargetQueue == row.TargetQueue).Sum(other => other.Messages))),
            ],
            Import = plan.Definitions is { Items.Count: > 0 } definitions ? System.Text.Encoding.UTF8.GetString(ImportReportFile.Write(definitions.ToReport())) : null,
        };
        return record.IsEmpty ? null : record;
    }

    /// <summary>This record, and what a further run of the same restore adds: queues and virtual hosts that are created only now, and messages that can be in a queue beyond those that were to go there.</summary>
    /// <param name="plan">The further run.</param>
    /// <param name="more">What it creates, or null.</param>
    /// <param name="isResumed">It goes on with what was planned; otherwise its messages come on top of that.</param>
    internal RestoreRecord With(RestorePlan plan, RestoreRecord? more, bool isResumed)
    {
        List<RestoreRecordQueue> queues = [.. Queues.Select(queue => queue with
        {
            Messages = queue.Messages + plan.Queues
                .Where(row => row.Conflicts.Count == 0 && !row.IsSkipped && row.TargetVirtualHost == queue.VirtualHost && row.TargetQueue == queue.Name)
                .Sum(row => isResumed ? row.Mark?.Beyond ?? 0 : row.Messages),
        })];
        queues.AddRange((more?.Queues ?? []).Where(queue => !queues.Exists(there => there.VirtualHost == queue.VirtualHost && there.Name == queue.Name)));
        return this with { VirtualHosts = [.. VirtualHosts.Union(more?.VirtualHosts ?? [])], Queues = queues, Import = Import ?? more?.Import };
    }

    /// <summary>Writes it, in place of an earlier one.</summary>
    /// <exception cref="RabbitBackupException"><see cref="ErrorCode.CheckpointUnavailable"/>.</exception>
    internal void Write(string? folder)
    {
        string file = FileOf(folder, RestoreId);
        string written = file + ".new";
        CheckpointFolder.Create(written);
        try
        {
            // The file is there, with its rights; now it gets its content, and then its name, so that a kill leaves the earlier one.
            File.WriteAllBytes(written, JsonSerializer.SerializeToUtf8Bytes(this));
            File.Move(written, file, overwrite: true);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new RabbitBackupException(ErrorCode.CheckpointUnavailable, $"The record of the restore can't be written to '{file}'.", exception)
            {
                Target = file,
                Hint = "Give another folder with -CheckpointPath, one that you may write to.",
            };
        }
    }

    /// <summary>Reads one.</summary>
    /// <exception cref="RabbitBackupException"><see cref="ErrorCode.ObjectNotFound"/>, <see cref="ErrorCode.CheckpointDamaged"/>.</exception>
    internal static RestoreRecord Read(string? folder, string id)
    {
        string file = FileOf(folder, Catalog.BackupId.Check(id));
        try
        {
            return JsonSerializer.Deserialize<RestoreRecord>(File.ReadAllBytes(file)) ?? throw new JsonException("It is empty.");
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new RabbitBackupException(ErrorCode.ObjectNotFound, $"There is no record of a restore '{id}': it created nothing, or it ran elsewhere or with another -CheckpointPath.", exception)
            {
                Target = id,
                Hint = "RestoreId of a restore's result names its record.",
            };
        }
        catch (Exception exception) when (exception is JsonException or IOException or UnauthorizedAccessException)
        {
            throw new RabbitBackupException(ErrorCode.CheckpointDamaged, $"The record of the restore in '{file}' can't be read: {exception.Message}", exception) { Target = file };
        }
    }

    /// <summary>Deletes it, when everything was taken back.</summary>
    internal static void Delete(string? folder, string id) => CheckpointFolder.Delete(FileOf(folder, id));

    private static string FileOf(string? folder, string id) => Path.ChangeExtension(CheckpointFolder.FileOf(folder, "undo", id, ""), ".json");
}
