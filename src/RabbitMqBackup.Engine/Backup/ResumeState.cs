using System.Text.Json;
using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Checkpoints;
using RabbitMqBackup.Engine.Format;

namespace RabbitMqBackup.Engine.Backup;

/// <summary>What a run has to share with those that resume it: kept in the checkpoint, so that <c>-BackupId X -Resume</c> alone goes on with the same.</summary>
/// <param name="Cluster">The cluster's name.</param>
/// <param name="Selection">Which queues.</param>
/// <param name="SkipDefinitions">Without definitions.</param>
/// <param name="Compression">How segments are compressed.</param>
/// <param name="RecordFormat">How records are written.</param>
/// <param name="BasedOn">The backup whose streams this one goes on from; null for none.</param>
internal sealed record ResumeState(string Cluster, QueueSelection Selection, bool SkipDefinitions, SegmentCompression Compression, RecordFormat RecordFormat, string? BasedOn)
{
    private const string Setting = "backup";

    /// <summary>Queues that the checkpoint knows; they may be gone from the broker.</summary>
    internal HashSet<string> Known { get; init; } = [];

    internal static ResumeState Of(BackupPlan plan) =>
        new(plan.ClusterName, plan.Options.Selection, plan.Options.SkipDefinitions, plan.Options.Compression, plan.Options.RecordFormat, plan.BasedOn);

    internal void Write(CheckpointDatabase database) => CheckpointSettings.Write(database, Setting, JsonSerializer.Serialize(this));

    /// <summary>Null where the run was killed before it wrote them.</summary>
    internal static ResumeState? Read(CheckpointDatabase database)
    {
        if (!CheckpointSettings.Read(database).TryGetValue(Setting, out string? json))
        {
            return null;
        }

        try
        {
            ResumeState state = JsonSerializer.Deserialize<ResumeState>(json) ?? throw new JsonException("it is null");
            if (state.Selection is not { Names: not null, ExcludedNames: not null, VirtualHosts: not null, Types: not null } || !Enum.IsDefined(state.Compression) || !Enum.IsDefined(state.RecordFormat))
            {
                throw new JsonException("a part is missing");
            }

            return state;
        }
        catch (JsonException exception)
        {
            throw CheckpointErrors.Damaged(database.File, "its settings can't be read", exception);
        }
    }

    /// <summary>The options of the first run where the resuming one gives none, else it has to give the same.</summary>
    /// <exception cref="ArgumentException">One differs, by name.</exception>
    internal BackupOptions Apply(BackupOptions options)
    {
        BackupOptions defaults = new() { Broker = options.Broker, Store = options.Store };
        return options with
        {
            Selection = JsonSerializer.Deserialize<QueueSelection>(Agree("choice of queues", JsonSerializer.Serialize(options.Selection), JsonSerializer.Serialize(defaults.Selection), JsonSerializer.Serialize(Selection)))!,
            SkipDefinitions = Agree("-SkipDefinitions", options.SkipDefinitions, defaults.SkipDefinitions, SkipDefinitions),
            Compression = Agree("-Compression", options.Compression, defaults.Compression, Compression),
            RecordFormat = Agree("-RecordFormat", options.RecordFormat, defaults.RecordFormat, RecordFormat),
            // Another base would leave a hole, or overlap, in streams that are finished.
            Incremental = BasedOn is not null,
            BasedOn = Agree("-BasedOn", options.BasedOn, null, BasedOn),
        };
    }

    /// <exception cref="ArgumentException">It is another cluster's backup.</exception>
    internal void CheckCluster(string cluster, string backupId)
    {
        if (cluster != Cluster)
        {
            throw new ArgumentException($"The backup '{backupId}' was begun from the cluster '{Cluster}'; this is '{cluster}'.", nameof(cluster));
        }
    }

    private static T Agree<T>(string name, T given, T byDefault, T begun) =>
        EqualityComparer<T>.Default.Equals(given, byDefault) || EqualityComparer<T>.Default.Equals(given, begun)
            ? begun
            : throw new ArgumentException($"The backup was begun with another {name} ({begun}): leave it out with -Resume, or begin a new backup.", name);
}
