namespace RabbitMqBackup.Engine.Definitions;

/// <summary>How an object differs between two sets of definitions.</summary>
public enum DefinitionChange
{
    /// <summary>Only the second has it.</summary>
    Added,

    /// <summary>Only the first has it.</summary>
    Removed,

    /// <summary>Both have it, with different properties.</summary>
    Changed,
}
