using System.Text.Json;

namespace RabbitMqBackup.Engine.Definitions;

/// <summary>What a user may do in a virtual host.</summary>
public sealed class PermissionDefinition : DefinitionObject
{
    internal PermissionDefinition(JsonElement json)
        : base(DefinitionKind.Permission, json)
    {
    }

    /// <summary>The user.</summary>
    public string User => Text("user");

    /// <summary>The user.</summary>
    public override string Name => User;

    /// <summary>Regular expression over names of what it may declare and delete.</summary>
    public string Configure => Text("configure");

    /// <summary>Regular expression over names of what it may publish to.</summary>
    public string Write => Text("write");

    /// <summary>Regular expression over names of what it may consume from.</summary>
    public string Read => Text("read");

    private protected override string Title => $"permission of '{User}'";
}
