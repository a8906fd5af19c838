namespace RabbitMqBackup.Engine.Catalog;

/// <summary>Which backups of a store are meant.</summary>
public sealed record BackupQuery
{
    /// <summary>Ids; <c>*</c> stands for any characters and <c>?</c> for one, without regard to case. Default: all.</summary>
    public IReadOnlyList<string> BackupIds { get; init; } = [];

    /// <summary>Only backups that began at this time or later. Default: all.</summary>
    public DateTimeOffset? After { get; init; }

    /// <summary>Only backups that began before this time. Default: all.</summary>
    public DateTimeOffset? Before { get; init; }

    /// <summary>Only the newest of those that match. Default false.</summary>
    public bool LatestOnly { get; init; }

    /// <summary>Also folders without a manifest, as <see cref="BackupStatus.InProgress"/>: their objects are listed to tell their age. Default false.</summary>
    public bool IncludeIncomplete { get; init; }

    internal bool MatchesId(string id) =>
        BackupIds.Count == 0 || BackupIds.Any(pattern => System.IO.Enumeration.FileSystemName.MatchesSimpleExpression(pattern, id, ignoreCase: true));

    internal bool MatchesTime(DateTimeOffset createdAt) => !(createdAt < After) && !(createdAt >= Before);
}
