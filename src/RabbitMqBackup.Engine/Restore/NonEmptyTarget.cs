namespace RabbitMqBackup.Engine.Restore;

/// <summary>What to do with a target queue that has messages.</summary>
public enum NonEmptyTarget
{
    /// <summary>Don't restore into it; an error names it.</summary>
    Fail,

    /// <summary>Put the messages behind those that are there.</summary>
    Append,

    /// <summary>Leave it as it is, without an error.</summary>
    Skip,
}
